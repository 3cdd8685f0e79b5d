#!/usr/bin/env bash
# Heap profiles of a server under load, an interpreter, a compiler, a C++ program and one with threads: the account's bytes are in
# functions with names, and 20 sampled runs agree with the exact one within the error that docs/profile.md states.
# Beside what support.bash takes from the environment: WEIR, the command.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need redis-server redis-cli redis-benchmark gcc nm
: "${WEIR:?the weir command}"
if "$WEIR" report /dev/null 2>&1 | grep 'built without elfutils' >/dev/null; then
    echo "SKIPPED: weir report was left out of this build"
    exit 77
fi
TMPDIR=$SCRATCH "${PYTHON:-python3}" "$SOURCES/bench/profile-accuracy" --quick --build "$(dirname "$WEIR")"
