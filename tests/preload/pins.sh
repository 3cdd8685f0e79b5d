#!/usr/bin/env bash
# weir pins: survivors of a burst, counted and named by their size, in a running program that knows nothing of it.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need_endpoint
export XDG_RUNTIME_DIR=$SCRATCH/runtime PYTHONMALLOC=malloc
mkdir -m 700 runtime

# Each of 1,000 survivors is a block of 1,033 bytes, on one page or two.
"$WEIR" run --control -- "$PYTHON" -c 'import os, time
blocks = [bytes(1000) for i in range(100000)]
kept = blocks[::100]
del blocks
open("ready", "w").close()
while not os.path.exists("stop"): time.sleep(0.02)' &
process=$!
at_end 'kill $process 2>/dev/null'
until [ -e ready ]; do sleep 0.02; done

until "$WEIR" pins $process >out 2>err; do sleep 0.02; done # the endpoint begins beside the program
cat out
grep -qE '^[0-9]+ blocks of [0-9]+ bytes, .* hold [0-9.]+ MiB that would otherwise go back$' out || fail "no verdict"
size=$(sed -n 's/^[0-9]* blocks of \([0-9]*\) bytes.*/\1/p' out)
[ "$size" -ge 1033 ] && [ "$size" -le 1300 ] || fail "blocks of $size bytes"
blocks=$(awk -v size="$size" '$1 == size { print $3 }' out)
[ "$blocks" -ge 1000 ] && [ "$blocks" -le 1200 ] || fail "$blocks blocks"
grep -q 'weir ctl PID free gives them back$' out || fail "no word about the pages that nobody holds"

# The cells of a thread are tended while it sleeps: it may be awake at the first attempt.
while
    "$WEIR" ctl $process free >/dev/null
    "$WEIR" pins $process >after
    awk -v size="$size" '$1 == size { exit $6 $7 == $8 $9 }' after
do sleep 0.02; done
[ "$(awk -v size="$size" '$1 == size { print $3 }' after)" = "$blocks" ] || fail "$(<after)"

status=0
"$WEIR" pins x 2>err || status=$?
[ "$status" = 125 ] || [ "$status" = 2 ] || fail "status $status"
status=0
"$WEIR" pins 1 2>err || status=$?
[ "$status" = 1 ] && grep -q 'was it started with weir run --control?' err || fail "status $status: $(<err)"
touch stop
wait $process
