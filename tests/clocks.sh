#!/bin/sh
# The only limits of time in tests are those that end what hangs (ctest's own, HANG in tests/unit/support.h, in
# tests/preload/support.bash and in tests/docs/run-document.py). A test with another limit would measure how fast and how busy
# the machine is.
#   clocks.sh [SOURCE-DIR]
set -eu
cd "${1:-.}"

failed=0
# none PATTERN WHAT FILE...: no line of them matches the extended expression.
none() {
    pattern=$1 what=$2
    shift 2
    if grep -nE "$pattern" "$@"; then
        echo "a limit of time: $what" >&2
        failed=1
    fi
}

none '[^_]TIMEOUT [0-9]' 'leave it to ctest' $(find tests bench -name CMakeLists.txt)
none '\.timeout *=' 'leave it to ctest' $(find tests/unit -name '*.c')
none '\balarm\([^H]' 'alarm(HANG)' $(find tests -name '*.c')
none '\btimeout +(-[^ ]+ +)*[0-9]|TIME_LIMIT' 'timeout $HANG' $(find tests -name '*.sh' ! -name clocks.sh) tests/preload/support.bash
exit $failed
