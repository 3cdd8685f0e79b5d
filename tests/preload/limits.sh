#!/usr/bin/env bash
# Memory that runs out: under a limit on address space, under one on data (what strict overcommit feels like to one
# process), and under weir's hard limit.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

(
    ulimit -v 524288
    passes "$WEIR_PROGRAMS/exhaust" 128
    passes "$WEIR_PROGRAMS/malloc-table"
    passes "$WEIR_PROGRAMS/thread-exit"
)
(
    ulimit -d 262144
    passes "$WEIR_PROGRAMS/exhaust" 128
    passes "$WEIR_PROGRAMS/thread-exit"
    passes WEIR_DEBUG=harden=1 "$WEIR_PROGRAMS/exhaust" 64
)
(
    ulimit -d 163840
    passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/exhaust" 64
)
passes WEIR_HARDLIMIT=256MiB "$WEIR_PROGRAMS/exhaust" 192
passes WEIR_HARDLIMIT=256MiB WEIR_MEMLIMIT=128MiB "$WEIR_PROGRAMS/exhaust" 192
for way in trim cycle limit; do
    passes "$WEIR_PROGRAMS/idle-threads" 1000 "$way"
done
passes WEIR_HARDLIMIT=300MiB "$WEIR_PROGRAMS/idle-threads" 200 270
passes WEIR_HARDLIMIT=300MiB WEIR_MEMLIMIT=200MiB "$WEIR_PROGRAMS/idle-threads" 200 270
# One table that grows: its pages are moved, and count once.
for settings in A=1 WEIR_COLLECT=1 "WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1" "WEIR_COLLECT=1 WEIR_DEBUG=stop=signal,poison=1"; do
    # shellcheck disable=SC2086
    passes $settings WEIR_HARDLIMIT=400MiB "$WEIR_PROGRAMS/grows-full" 300 1024
    # shellcheck disable=SC2086
    passes $settings WEIR_HARDLIMIT=400MiB WEIR_MEMLIMIT=350MiB "$WEIR_PROGRAMS/grows-full" 300 20000
done
# One block that grows and shrinks, and nothing else lives.
passes WEIR_HARDLIMIT=64MiB "$WEIR_PROGRAMS/resizes-full" 48 exact
passes WEIR_HARDLIMIT=64MiB WEIR_COLLECT=1 "$WEIR_PROGRAMS/resizes-full" 48 exact
passes WEIR_HARDLIMIT=64MiB WEIR_DEBUG=leaks=1 "$WEIR_PROGRAMS/resizes-full" 48
passes WEIR_HARDLIMIT=64MiB WEIR_DEBUG=harden=1 "$WEIR_PROGRAMS/resizes-full" 48
# The free pages of spans that are partly in use.
for settings in A=1 WEIR_COLLECT=1 "WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1,poison=1"; do
    # shellcheck disable=SC2086
    passes $settings WEIR_HARDLIMIT=72MiB "$WEIR_PROGRAMS/reuses-sparse" 48
    # shellcheck disable=SC2086
    passes $settings WEIR_HARDLIMIT=72MiB "$WEIR_PROGRAMS/reuses-sparse" 48 trim
done
# churn maps tables of its own, which it does not compare with the limit: so only weir's memory counts.
export WEIR_MEMLIMIT_SCOPE=weir
for seed in 1 2 3; do
    passes WEIR_MEMLIMIT=64MiB "$WEIR_PROGRAMS/churn" "$seed" 40 64 1
    passes WEIR_MEMLIMIT=64MiB WEIR_GOGC=off "$WEIR_PROGRAMS/churn" "$((seed + 10))" 40 64 3
    passes WEIR_HARDLIMIT=64MiB "$WEIR_PROGRAMS/churn" "$((seed + 20))" 40 64 1
done
