#!/usr/bin/env bash
# The collector stops threads even if they block all signals. A thread that waits for signals gets only those that were
# meant for it.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

passes WEIR_COLLECT=0 "$WEIR_PROGRAMS/deaf"
passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/deaf"

said=$(LD_PRELOAD=$WEIR_MALLOC WEIR_COLLECT=1 WEIR_DEBUG=gctrace=1 "$WEIR_PROGRAMS/deaf" 2>&1)
[[ $said == gc\ 1\ * && $said != *"no collection"* ]] || fail "collections of a program that blocks signals: ${said:0:300}"
