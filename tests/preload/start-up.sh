#!/usr/bin/env bash
# What a small program pays for the swap-in: resident memory, seen by cat in its own account of it. The middle one of
# some runs counts, since where the kernel puts the libraries decides how much of them it maps at a page fault.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

ACCOUNT=/proc/self/smaps_rollup
[ -r "$ACCOUNT" ] || {
    echo "SKIPPED: no $ACCOUNT"
    exit 77
}

# resident_kib HOW: of cat under on_system or on_weir
resident_kib() {
    local run
    for run in {1..15}; do
        "$1" cat "$ACCOUNT" | awk '$1 == "Rss:" { print $2 }'
    done | sort -n | sed -n 8p
}

LARGEST=512
plain=$(resident_kib on_system)
swapped=$(resident_kib on_weir)
echo "resident: $plain KiB, swapped in $swapped KiB"
[ $((swapped - plain)) -le "$LARGEST" ] || fail "more than $LARGEST KiB added"

# Whatever every program runs of the library lies in its front, which is two windows of 64 KiB (tools/cmake/layout.ld): a
# function of the start-up that is linked behind the rest adds a window. The program allocates nothing.
own_code_kib() {
    on_weir "$WEIR_PROGRAMS/own-maps" | awk -v library="$WEIR_MALLOC" '
        /^[0-9a-f]+-/ { code = ($2 == "r-xp" && $6 == library) }
        /^Rss:/ && code { sum += $2 }
        END { print sum }'
}
code=$(own_code_kib)
echo "of the library's code: $code KiB"
[ "$code" -le 128 ] || fail "start-up touches more than the front of the library"
