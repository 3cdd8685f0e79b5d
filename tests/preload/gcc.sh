#!/usr/bin/env bash
# gcc and g++ compile this project's own sources: the objects have to be the same, byte for byte.
# Parts: manual collected
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need gcc g++

# Each setting compiles some thirty sources of its own, evenly spread, from the SHARE-th on: more of them would test
# nothing new. A source that needs a header which the build makes is left out.
export SOURCES SHARE
cat >"$SCRATCH/compile" <<'SCRIPT'
set -e
sources=$(cd "$SOURCES" && ls runtime/*/*.c tests/programs/*.c | awk -v "share=$SHARE" '
    { source[NR] = $0 }
    END { for (i = share; i <= NR; i += int(NR / 30) + 1) print source[i] }')
for source in $sources tests/programs/thread-local.cc; do
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
    local settings=("${SETTINGS[@]}")
    for SHARE in "${!settings[@]}"; do
        SETTINGS=("${settings[SHARE]}")
        SHARE=$((SHARE + 1)) same_output sh "$SCRATCH/compile"
    done
}
run_parts "$@"
