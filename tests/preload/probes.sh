#!/usr/bin/env bash
# The static probes: they stand in the library's notes, each with its semaphore, and gdb stops at them with their arguments.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need readelf gdb python3

notes=$(readelf --notes "$WEIR_MALLOC" 2>/dev/null)
grep -q 'Provider: weir' <<<"$notes" || {
    echo "SKIPPED: built without sys/sdt.h"
    exit 77
}

echo "listed"
probes=$(awk '/Provider:/ { provider = $2 } /Name:/ { name = $2 } /Semaphore:/ && $NF ~ /^0x0*[1-9a-f]/ { print provider ":" name }' <<<"$notes" |
    sort -u)
expected='otel_memory:alloc
otel_memory:free
weir:gc_done
weir:gc_start
weir:goal
weir:limit
weir:release
weir:sample_alloc
weir:sample_free
weir:stop'
[ "$probes" = "$expected" ] || fail "$probes"

# stops_at PROBE N [NAME=VALUE...] COMMAND...: gdb stops there once, and prints the probe's argument N as a number.
stops_at() {
    local probe=$1 number=$2 settings=()
    shift 2
    while [[ $1 == *=* ]]; do
        settings+=(-ex "set environment $1")
        shift
    done
    timeout $HANG gdb -batch -nx -ex 'set breakpoint pending on' -ex 'set debuginfod enabled off' \
        -ex "set exec-wrapper env LD_PRELOAD=$WEIR_MALLOC" "${settings[@]}" -ex "break -probe-stap $probe" \
        -ex run -ex "printf \"argument %lu\\n\", (unsigned long)\$_probe_arg$number" \
        -ex kill --args "$@" >"$SCRATCH/gdb" 2>&1 || true
    grep -q '^argument ' "$SCRATCH/gdb" || {
        tail -n 20 "$SCRATCH/gdb"
        if grep -q 'ptrace: Operation not permitted' "$SCRATCH/gdb"; then
            echo "SKIPPED: nothing may be traced here"
            exit 77
        fi
        fail "gdb did not stop at $probe"
    }
    echo "stopped at $probe"
}

argument() {
    sed -n 's/^argument //p' "$SCRATCH/gdb"
}

stops_at weir:release 0 WEIR_GOGC=10 "$WEIR_PROGRAMS/traced" cycles 1
[ "$(argument)" -ge 4096 ] || fail "$(argument) bytes"
stops_at otel_memory:alloc 1 WEIR_PROFILE="$SCRATCH/p" WEIR_PROFILE_RATE=1 "$WEIR_PROGRAMS/traced" cycles 1
[ "$(argument)" -gt 0 ] || fail "a sample of $(argument) bytes"
stops_at weir:gc_start 0 WEIR_COLLECT=1 "$WEIR_PROGRAMS/traced" cycles 2
[ "$(argument)" = 1 ] || fail "collection $(argument)"
