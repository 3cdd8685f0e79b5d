#!/usr/bin/env bash
# The malloc family against its manual pages, and every form of operator new and delete.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for setting in "${SETTINGS[@]}"; do
    passes $setting "$WEIR_PROGRAMS/malloc-table"
    passes $setting "$WEIR_PROGRAMS/zero-again"
    passes $setting "$WEIR_PROGRAMS/operators"
done

# A new handler that frees a reserve: the hard limit has room for one block of 300 MB and not for two.
passes WEIR_HARDLIMIT=450MiB "$WEIR_PROGRAMS/operators" 300000000
