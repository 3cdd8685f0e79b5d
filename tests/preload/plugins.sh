#!/usr/bin/env bash
# Libraries opened at run time that allocate in their constructors and free in their destructors; and a C++ library in a C
# program, which brings libstdc++ into the process only then.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for name in one two; do
    "$CXX" -shared -fPIC -O1 "$SOURCES/tests/programs/plugin/plugin.cc" -o "$SCRATCH/$name.so"
done
passes "$WEIR_PROGRAMS/open-plugin" "$SCRATCH/one.so" "$SCRATCH/two.so"
passes WEIR_MEMLIMIT=16MiB "$WEIR_PROGRAMS/open-plugin" "$SCRATCH/one.so" "$SCRATCH/two.so"

"$CXX" -shared -fPIC -O1 "$SOURCES/tests/programs/plugin/late-new.cc" -o "$SCRATCH/late-new.so"
"$CC" -O1 "$SOURCES/tests/programs/plugin/late-new-main.c" -o "$SCRATCH/late-new"
passes "$SCRATCH/late-new" "$SCRATCH/late-new.so"
