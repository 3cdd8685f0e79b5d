# support.bash: what the preload tests share; each of them begins with
#
#     source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
#
# From the environment (ctest sets it):
#     WEIR_MALLOC    the library under test, libweir-malloc.so
#     WEIR_PROGRAMS  the directory of the compiled tests/programs
#     CC, CXX        the compilers (cc and c++)
# A test prints what it did, one line each, and ends with status 0 (passed), 1 (failed) or 77 (skipped: a program
# that it needs is not installed). A case that this machine does not allow is left out, with a line.
set -euo pipefail
export LC_ALL=C

: "${WEIR_MALLOC:?the library under test}" "${WEIR_PROGRAMS:?the directory of the compiled test programs}"
WEIR_MALLOC=$(realpath "$WEIR_MALLOC")
WEIR_PROGRAMS=$(realpath "$WEIR_PROGRAMS")
: "${CC:=cc}" "${CXX:=c++}"
SOURCES=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/weir-test.XXXXXX")
trap 'end_test' EXIT

# The knobs that every real program is run with; MEMLIMIT is tight for the programs here, and soft. In collect mode
# a second tracer checks each marking, and freed memory is filled; the last setting marks beside the program.
# TEST_SETTING, from the environment, takes the place of all of them: tools/soak --programs.
MANUAL=("WEIR_GOGC=off" "WEIR_GOGC=100" "WEIR_GOGC=10" "WEIR_MEMLIMIT=${TIGHT_LIMIT:-16MiB}")
COLLECTED=("WEIR_COLLECT=1 WEIR_GOGC=50 WEIR_DEBUG=gcverify=1,poison=1"
    "WEIR_COLLECT=1 WEIR_GOGC=50 WEIR_DEBUG=gcverify=1,poison=1,gcconcurrent=always")
SETTINGS=("${MANUAL[@]}" "${COLLECTED[@]}")
if [ -n "${TEST_SETTING-}" ]; then
    COLLECTED=("$TEST_SETTING")
    SETTINGS=("$TEST_SETTING")
fi

# run_parts [PART...]: a script of several parts names them in a line "# Parts: one two", has a function part_one for each,
# and ends with run_parts "$@". ctest runs each as a test of its own; without arguments all are run.
run_parts() {
    local part
    [ $# -gt 0 ] || set -- $(sed -n 's/^# Parts: //p' "$0")
    for part; do
        echo "$part"
        "part_$part"
    done
}

# The parts of the tests that run real programs: how much they have to do is decided by the settings.
part_manual() {
    with_settings "${MANUAL[@]}"
}
part_collected() {
    with_settings "${COLLECTED[@]}"
}
with_settings() {
    local SETTINGS=("$@")
    real
}

cleanups=()
end_test() {
    local status=$? command
    for command in "${cleanups[@]}"; do
        eval "$command" || true
    done
    rm -rf "$SCRATCH"
    exit "$status"
}

# at_end COMMAND: run it when the test ends, however it ends.
at_end() {
    cleanups=("$1" "${cleanups[@]}")
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# need PROGRAM...: the test makes no sense without them.
need() {
    local program
    for program; do
        command -v "$program" >/dev/null || {
            echo "SKIPPED: $program is not installed"
            exit 77
        }
    done
}

# need_endpoint PROGRAM...: the test needs these, the weir command, python and the endpoint's library, and runs in $SCRATCH without
# settings from outside.
need_endpoint() {
    : "${WEIR:?the weir command}"
    WEIR=$(realpath "$WEIR")
    PYTHON=${PYTHON:-python3}
    need "$PYTHON" "$@"
    [ -e "$(dirname "$WEIR_MALLOC")/libweir-http.so" ] || {
        echo "SKIPPED: built without libmicrohttpd"
        exit 77
    }
    # The interpreter itself: a wrapper in its place would open the endpoint first, and then exec the interpreter.
    PYTHON=$("$PYTHON" -c 'import sys; print(sys.executable)')
    cd "$SCRATCH"
    unset WEIR_GOGC WEIR_MEMLIMIT WEIR_HTTP WEIR_HTTP_PID WEIR_HTTP_TOKEN
}

# Seconds after which a command counts as hung: far beyond what the slowest and busiest machine needs.
HANG=600

# on_weir [NAME=VALUE...] COMMAND [ARGUMENT...]: run a command swapped in.
# (env, not the shell, sets LD_PRELOAD, so that only the command gets it.)
on_weir() {
    timeout $HANG env LD_PRELOAD="$WEIR_MALLOC" "$@"
}

# The same, but with the system's malloc. Some programs are linked to an allocator of their own: preloading the C
# library puts its malloc in front of that.
on_system() {
    timeout $HANG env LD_PRELOAD="$(libc_path)" "$@"
}

libc_path() {
    ldd "$(command -v env)" | awk '$1 ~ /^libc\.so/ { print $3 }'
}

# passes [NAME=VALUE...] COMMAND [ARGUMENT...]: it has to end with status 0, without a word from weir.
passes() {
    local status=0
    on_weir "$@" >"$SCRATCH/passes.out" 2>"$SCRATCH/passes.err" || status=$?
    if [ "$status" != 0 ] || grep -q '^weir: ' "$SCRATCH/passes.err"; then
        tail -n 20 "$SCRATCH/passes.out" "$SCRATCH/passes.err" >&2
        fail "status $status: $*"
    fi
    echo "passed: $(short "$*")"
}

short() {
    local text=${1//$SCRATCH\//}
    text=${text//$WEIR_PROGRAMS\//}
    echo "${text//$SOURCES\//}"
}

# same_output COMMAND [ARGUMENT...]: under the system's malloc and under weir with each of the settings, the command
# has to print the same bytes and end with the same status. It runs in an empty directory of its own, $PWD.
# What it leaves there is not looked at: let it print a digest.
same_output() {
    local setting expected=0 status
    in_own_directory on_system "$@" >"$SCRATCH/expected.out" 2>"$SCRATCH/expected.err" || expected=$?
    [ -s "$SCRATCH/expected.out" ] || fail "prints nothing to compare (status $expected): $*"
    for setting in "${SETTINGS[@]}"; do
        status=0
        in_own_directory on_weir $setting "$@" >"$SCRATCH/weir.out" 2>"$SCRATCH/weir.err" || status=$?
        if [ "$status" != "$expected" ] || ! cmp -s "$SCRATCH/expected.out" "$SCRATCH/weir.out" ||
            grep -q '^weir: ' "$SCRATCH/weir.err"; then
            tail -n 20 "$SCRATCH/weir.err" >&2
            diff "$SCRATCH/expected.out" "$SCRATCH/weir.out" | head -n 20 >&2 || true
            fail "$setting: status $status, expected $expected, or other output: $*"
        fi
    done
    echo "same output ($(wc -c <"$SCRATCH/expected.out") bytes, status $expected): $(short "$*")"
}

# hands_signal_on COMMAND...: what it runs gets the signal that the command gets, and its status is handed back.
hands_signal_on() {
    local program status=0
    "$@" sh -c 'trap "exit 42" USR1; echo ready; while :; do sleep 0.05; done' >"$SCRATCH/ready" &
    program=$!
    until grep -q ready "$SCRATCH/ready"; do sleep 0.02; done
    kill -USR1 "$program"
    wait "$program" || status=$?
    [ "$status" = 42 ] || fail "the signal did not arrive: status $status"
}

in_own_directory() {
    rm -rf "$SCRATCH/run"
    mkdir "$SCRATCH/run"
    (cd "$SCRATCH/run" && "$@" </dev/null)
}
