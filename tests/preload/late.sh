#!/usr/bin/env bash
# What the kernel refuses late: mappings or addresses are used up, or the program has locked itself in.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for setting in A=1 "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB" WEIR_COLLECT=1 WEIR_DEBUG=harden=1; do
    for warm in A=1 LATE_WARM=1; do
        passes $setting $warm "$WEIR_PROGRAMS/late" mappings
        (
            ulimit -S -v 2000000
            passes $setting $warm "$WEIR_PROGRAMS/late" addresses
        )
        passes $setting $warm "$WEIR_PROGRAMS/late" rlimit
        [ "$setting" = WEIR_COLLECT=1 ] && continue # it says that nothing is collected from then on: locked-in.sh
        passes $setting $warm "$WEIR_PROGRAMS/late" seccomp
        # The same where addresses cannot be claimed.
        passes $setting $warm "$WEIR_PROGRAMS/deny" noreplace "$WEIR_PROGRAMS/late" mappings
        passes $setting $warm "$WEIR_PROGRAMS/deny" noreplace "$WEIR_PROGRAMS/late" seccomp
    done
done
