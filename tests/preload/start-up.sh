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
