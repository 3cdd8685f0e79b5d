#!/usr/bin/env bash
# A block that grows by many small steps, in the modes in which each step is expensive: copying it all each time would take
# hours; the limit of time for hangs ends that.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for settings in "WEIR_GOGC=100" "WEIR_DEBUG=harden=1" "WEIR_DEBUG=leaks=1" "WEIR_COLLECT=1" "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/append" 4194304 16
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/append" 50000000 4096
done

echo "large blocks of which little was written: growing them writes no more"
passes WEIR_GOGC=100 "$WEIR_PROGRAMS/grows-sparse" 5000
for settings in "WEIR_DEBUG=harden=1" "WEIR_COLLECT=1" "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/grows-sparse" 400
done
