#!/usr/bin/env bash
# Handlers that allocate, interrupting a process that starts; 200 starts, for each is over in a moment.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for ((i = 0; i < 200; i++)); do
    passes "$WEIR_PROGRAMS/start-up-signals" >/dev/null
done
echo "passed: start-up-signals, $i times"
