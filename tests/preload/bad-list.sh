#!/usr/bin/env bash
# A write to a free block is found when its list is used again, or at exit: weir prints one line and aborts the program.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

abort=134
for size in 24 200 3000; do
    for ((corruption = 0; corruption < 16; corruption++)); do
        for when in refill exit late; do
            # A mark alone is looked at only when the block is about to be used again. In a thread that has allocated
            # much a link may be followed before it is looked at.
            case $when in
                exit) [ "$corruption" -lt 8 ] || continue ;;
                late) [ "$corruption" -ge 8 ] || continue ;;
            esac
            status=0
            on_weir "$WEIR_PROGRAMS/bad-list" "$size" "$corruption" "$when" 2>"$SCRATCH/err" || status=$?
            grep -qx 'weir: \(free list\|free cell\) overwritten at 0x[0-9a-f]*: the heap is corrupted' "$SCRATCH/err" ||
                grep -q '^weir: interior address at 0x[0-9a-f]*' "$SCRATCH/err" ||
                fail "size $size, corruption $corruption, $when: status $status: $(head -n 2 "$SCRATCH/err")"
            [ "$status" = "$abort" ] || fail "size $size, corruption $corruption, $when: status $status"
        done
    done
done
echo "passed: 16 corruptions of 3 sizes"
