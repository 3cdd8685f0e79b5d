#!/usr/bin/env bash
# gcc and g++ compile this project's own sources: the objects have to be the same, byte for byte.
# Parts: manual collected
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need gcc g++

# Those that need a header which the build makes are left out.
export SOURCES
cat >"$SCRATCH/compile" <<'SCRIPT'
set -e
for source in $(cd "$SOURCES" && ls runtime/*/*.c tests/programs/*.c tests/programs/thread-local.cc); do
    object=$(echo "$source" | tr / -).o
    case $source in
    *.cc) compiler="g++ -std=gnu++17" ;;
    *) compiler="gcc -std=gnu17" ;;
    esac
    if $compiler -w -O2 -g -frandom-seed=weir -D_GNU_SOURCE -I"$SOURCES" -I"$SOURCES/include" \
        -c "$SOURCES/$source" -o "$object" 2>"$object.err"; then
        sha256sum "$object"
    else
        echo "$source: $(grep -c error: "$object.err") errors"
        grep -q 'No such file' "$object.err"
    fi
done
SCRIPT
real() {
    same_output sh "$SCRATCH/compile"
}
run_parts "$@"
