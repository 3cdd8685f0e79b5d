#!/usr/bin/env bash
# Libraries whose calls of malloc would go to libc's, and not to the preloaded one.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

build() {
    local output=$1
    shift
    "$CC" -shared -fPIC -O1 "$@" -o "$SCRATCH/$output"
}
mkdir "$SCRATCH/beside"
build plain.so "$SOURCES/tests/programs/plugin/deep.c"
build symbolic.so -Wl,-Bsymbolic "$SOURCES/tests/programs/plugin/deep.c"
build beside/libdeep-beside.so "$SOURCES/tests/programs/plugin/deep.c"
# shellcheck disable=SC2016
build opens.so -Wl,-rpath,'$ORIGIN/beside',--enable-new-dtags "$SOURCES/tests/programs/plugin/opens.c"
for settings in "WEIR_GOGC=100" "WEIR_DEBUG=harden=1" "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB" "WEIR_COLLECT=1"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/deep" "$SCRATCH/plain.so" "$SCRATCH/symbolic.so"
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/deep" -p "$SCRATCH/opens.so"
done
