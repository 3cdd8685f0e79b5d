#!/usr/bin/env bash
# fork from threads while other threads allocate.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

passes "$WEIR_PROGRAMS/fork-storm"
passes WEIR_MEMLIMIT=16MiB WEIR_GOGC=10 "$WEIR_PROGRAMS/fork-storm"
