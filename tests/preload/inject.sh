#!/usr/bin/env bash
# Each system call that the library makes fails in turn, at every place that it is made from: once, or from then on always.
# The program must live and find its blocks as it wrote them: memory may be refused, never lost.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

errors=(12 1 11 38) # ENOMEM, EPERM, EAGAIN, ENOSYS
case=("$WEIR_PROGRAMS/inject" "$WEIR_MALLOC" "$WEIR_PROGRAMS/late" fault)

status=0
"${case[@]}" >"$SCRATCH/places" 2>/dev/null || status=$?
[ "$status" != 77 ] || {
    echo "SKIPPED: no ptrace or seccomp here"
    exit 77
}

# injected SETTING PLACE CALL ERROR once|always
injected() {
    local status=0
    env $1 "${case[0]}" -p "$2" -c "$3" -e "$4" -m "$5" "${case[@]:1}" >"$SCRATCH/out.$5" 2>"$SCRATCH/err.$5" || status=$?
    [ "$status" = 0 ] || {
        tail -n 5 "$SCRATCH/out.$5" "$SCRATCH/err.$5" >&2
        echo "status $status: $1, call $3 at $2 fails $5 with $4" >>"$SCRATCH/failures"
    }
}

for setting in ${SETTING:-A=1 WEIR_DEBUG=harden=1 WEIR_COLLECT=1}; do
    env $setting "${case[@]}" >"$SCRATCH/places"
    sort -u "$SCRATCH/places" >"$SCRATCH/sorted"
    count=0
    while read -r _ place _ call _; do
        for error in "${errors[@]}"; do
            injected "$setting" "$place" "$call" "$error" once &
            injected "$setting" "$place" "$call" "$error" always
            wait
            count=$((count + 2))
        done
    done <"$SCRATCH/sorted"
    echo "$setting: $(wc -l <"$SCRATCH/sorted") places, $count faults"
done
if [ -e "$SCRATCH/failures" ]; then
    cat "$SCRATCH/failures" >&2
    fail "$(wc -l <"$SCRATCH/failures") faults were not lived through"
fi
