#!/usr/bin/env bash
# The flame graph of weir report, opened and clicked in headless Chromium (page/flame.py), of a C and of a C++ program.
# Beside what support.bash takes from the environment: WEIR, the command.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need chromium chromedriver
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
cd "$SCRATCH"
export HOME=$SCRATCH
if "$WEIR" report /dev/null 2>&1 | grep 'built without elfutils' >/dev/null; then
    echo "SKIPPED: weir report was left out of this build"
    exit 77
fi

# clicked FUNCTION PROGRAM [ARGUMENT...]
clicked() {
    local function=$1
    shift
    on_weir WEIR_PROFILE=flame.pb.gz WEIR_PROFILE_RATE=1 "$@" >/dev/null
    "$WEIR" report --svg=flame.svg flame.pb.gz
    timeout $HANG "${PYTHON:-python3}" "$SOURCES/tests/preload/page/flame.py" flame.svg "$function" picture.png ||
        fail "$function"
    [ -s picture.png ] || fail "no picture"
    echo "clicked: $function"
}

clicked keep_small "$WEIR_PROGRAMS/profiled"
clicked make_book "$WEIR_PROGRAMS/catalogue" 3000
