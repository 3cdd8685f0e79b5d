#!/usr/bin/env bash
# A machine with vm.overcommit_memory=2: the kernel refuses to promise more than it has. The setting is that of the
# whole machine: it is changed for the second that the programs need, and put back however this ends.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

knob=/proc/sys/vm/overcommit_memory
before=$(cat "$knob")
at_end "echo $before >$knob"
if ! { echo 2 >"$knob"; } 2>/dev/null; then
    cleanups=()
    echo "SKIPPED: $knob cannot be written here"
    exit 77
fi
passes "$WEIR_PROGRAMS/malloc-table"
passes "$WEIR_PROGRAMS/zero-again"
passes "$WEIR_PROGRAMS/thread-exit"
