#!/usr/bin/env bash
# System calls that a sandbox denies: the heap must not believe that memory was given back, moved or cleared.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

status=0
"$WEIR_PROGRAMS/deny" madvise true || status=$?
[ "$status" != 77 ] || {
    echo "SKIPPED: no seccomp here"
    exit 77
}
for call in madvise mremap membarrier mincore; do
    for setting in WEIR_GOGC=10 WEIR_MEMLIMIT=16MiB; do
        passes "$setting" "$WEIR_PROGRAMS/deny" "$call" "$WEIR_PROGRAMS/zero-again"
        passes "$setting" "$WEIR_PROGRAMS/deny" "$call" "$WEIR_PROGRAMS/malloc-table"
    done
done
