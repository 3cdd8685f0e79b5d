#!/usr/bin/env bash
# A program with threads locks itself in late: its seccomp filter kills it for any call that the filter does not allow.
# In every mode.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

status=0
"$WEIR_PROGRAMS/locked-in" prctl alone || status=$?
[ "$status" != 77 ] || {
    echo "SKIPPED: no seccomp here"
    exit 77
}

# A collection needs what most filters do not allow: one line says that there will be none.
says_so() {
    local status=0
    on_weir "$@" 2>"$SCRATCH/said" || status=$?
    [ "$status" = 0 ] && [ "$(grep -c '^weir: .*seccomp.*nothing is collected' "$SCRATCH/said")" = 1 ] &&
        [ "$(wc -l <"$SCRATCH/said")" = 1 ] || {
        cat "$SCRATCH/said" >&2
        fail "status $status, and not the one line: $*"
    }
    echo "says so: $(short "$*")"
}

for mode in alone threads busy signal; do
    for setting in A=1 WEIR_DEBUG=harden=1 "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB" WEIR_HARDLIMIT=1GiB; do
        passes $setting "$WEIR_PROGRAMS/locked-in" prctl $mode
        passes $setting "$WEIR_PROGRAMS/locked-in" all $mode
    done
    for how in prctl seccomp all trap errno; do
        says_so WEIR_COLLECT=1 "$WEIR_PROGRAMS/locked-in" $how $mode
    done
    says_so WEIR_COLLECT=1 WEIR_DEBUG=stop=signal "$WEIR_PROGRAMS/locked-in" all $mode
done
# A thread that a collection stopped in a call with a timeout returns to it by restart_syscall, which the filter forbids.
passes WEIR_DEBUG=harden=1 "$WEIR_PROGRAMS/locked-in" all resumed
for _ in 1 2 3; do
    says_so WEIR_COLLECT=1 "$WEIR_PROGRAMS/locked-in" all resumed
done
# A filter that allows what a collection needs changes nothing for it.
for mode in alone threads busy signal; do
    passes "$WEIR_PROGRAMS/locked-in" open $mode
    passes WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1 "$WEIR_PROGRAMS/locked-in" open $mode
done

# A filter may forbid one single call of those that the runtime makes (runtime/base/filter.c): what needs it is given up, and
# nothing else is called either.
calls='1 3 13 14 15 16 17 24 27 39 55 56 60 61 62 72 73 77 99 101 102 110 128 157 186 204 219 234 247 257 262 263 264 297 302
    310 311 323 324'
for call in $calls; do
    wanted=0
    on_system "$WEIR_PROGRAMS/locked-in" "$call" brief 2>"$SCRATCH/said" || wanted=$?
    for settings in "WEIR_COLLECT=1 WEIR_DEBUG=gcconcurrent=always" "WEIR_COLLECT=1 WEIR_DEBUG=stop=signal" \
        "WEIR_PROFILE=$SCRATCH/%p.pb.gz WEIR_TRACE=$SCRATCH/%p.trace WEIR_DEBUG=stats=1" "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB"; do
        status=0
        # shellcheck disable=SC2086
        on_weir $settings "$WEIR_PROGRAMS/locked-in" "$call" brief 2>"$SCRATCH/said" || status=$?
        [ "$status" = "$wanted" ] || {
            cat "$SCRATCH/said" >&2
            fail "call $call forbidden: status $status, without weir $wanted: $settings"
        }
    done
done
echo "no call is made that a filter forbids"
