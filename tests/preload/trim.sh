#!/usr/bin/env bash
# malloc_trim gives back what is not in use, in each mode, the quarantine of the hardened heap included.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

passes WEIR_GOGC=100 "$WEIR_PROGRAMS/trims" 20
passes WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB "$WEIR_PROGRAMS/trims" 20
passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/trims" 30
passes WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1,poison=1 "$WEIR_PROGRAMS/trims" 30
passes WEIR_DEBUG=harden=1 "$WEIR_PROGRAMS/trims" 30
