#!/usr/bin/env bash
# fork from threads while other threads allocate, also in the midst of calls of the C library; fork in signal handlers.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

passes "$WEIR_PROGRAMS/fork-storm"
passes WEIR_MEMLIMIT=16MiB WEIR_GOGC=10 "$WEIR_PROGRAMS/fork-storm"
for settings in "WEIR_GOGC=100" "WEIR_DEBUG=harden=1" "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB" "WEIR_COLLECT=1"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/fork-stdio" 30
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/fork-anywhere" 500 thread
done
# In a process of one thread: so not in collect mode, where the collector's helpers are threads.
for settings in "WEIR_GOGC=100" "WEIR_DEBUG=harden=1" "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/fork-anywhere" 300
done
# A timer's handler forks. With gcstress a collection nearly always runs then, or has stopped the handler's thread.
for settings in "WEIR_COLLECT=1" "WEIR_COLLECT=1 WEIR_DEBUG=gcstress=10000" \
    "WEIR_COLLECT=1 WEIR_DEBUG=stop=signal" "WEIR_GOGC=100"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/fork-in-handler" return 0 60
    for child in exit exec; do
        # shellcheck disable=SC2086
        passes $settings "$WEIR_PROGRAMS/fork-in-handler" $child 2 60
    done
done
