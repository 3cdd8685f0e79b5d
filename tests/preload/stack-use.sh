#!/usr/bin/env bash
# How much stack the calls of malloc take: 2 KiB at most, 4 KiB in the modes for finding faults. The switch to the painted
# stack and back is counted too; with it a call of the system's malloc takes some 400 bytes.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

export LD_BIND_NOW=1 # so that no call contains the dynamic linker's own use of stack
for setting in A=1 WEIR_GOGC=off WEIR_GOGC=10 WEIR_MEMLIMIT=16MiB WEIR_HARDLIMIT=1GiB; do
    passes $setting "$WEIR_PROGRAMS/stack-use" 2048
done
for debug in harden=1 verify=1 onerror=warn; do
    passes "WEIR_DEBUG=$debug" "$WEIR_PROGRAMS/stack-use" 4096
done
passes WEIR_PROFILE="$SCRATCH/profile" "$WEIR_PROGRAMS/stack-use" 4096
passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/stack-use" 4096 # a collection starts threads
passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1 "$WEIR_PROGRAMS/stack-use" 4096

# A thread with the smallest stack that the C library grants allocates everything for the first time.
for setting in A=1 WEIR_GOGC=10 WEIR_COLLECT=1 WEIR_DEBUG=harden=1; do
    passes $setting "$WEIR_PROGRAMS/small-stacks"
done
