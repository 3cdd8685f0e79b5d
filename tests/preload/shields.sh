#!/usr/bin/env bash
# Pages of malloc's memory that the program protects: a collection reads what is unreadable by copying, and a freed block's pages
# are accessible again.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for access in none read guard; do
    for debug in poison=1,gcverify=1 poison=1,gcconcurrent=always poison=1,gcconcurrent=always,gcyoung=always \
                 poison=1,gcstress=2000; do
        passes WEIR_COLLECT=1 WEIR_DEBUG=$debug "$WEIR_PROGRAMS/shields" keeps $access
    done
    passes WEIR_COLLECT=1 WEIR_KEEP=1- "$WEIR_PROGRAMS/shields" keeps $access
    on_weir WEIR_DEBUG=leaks=1 "$WEIR_PROGRAMS/shields" keeps $access 2>"$SCRATCH/leaks" ||
        fail "leaks, $access: status $?: $(head -3 "$SCRATCH/leaks")"
    for setting in WEIR_GOGC=100 WEIR_DEBUG=harden=1 WEIR_COLLECT=1 WEIR_MEMLIMIT=1GiB; do
        passes $setting "$WEIR_PROGRAMS/shields" frees $access
    done
done

for debug in poison=1,gcverify=1 poison=1,gcconcurrent=always poison=1,gcconcurrent=always,gcyoung=always; do
    for mode in flips pairs resizes forks maps; do
        passes WEIR_COLLECT=1 WEIR_DEBUG=$debug "$WEIR_PROGRAMS/shields" $mode
    done
done
for setting in WEIR_GOGC=100 WEIR_DEBUG=harden=1 WEIR_MEMLIMIT=1GiB; do
    passes $setting "$WEIR_PROGRAMS/shields" resizes
    passes $setting "$WEIR_PROGRAMS/shields" forks
done
