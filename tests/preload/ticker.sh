#!/usr/bin/env bash
# The thread of the runtime's own: the account every second and at a signal, and idle memory that goes back while the program
# does not allocate, when another library takes what the limit allows.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# accounts FILE: how many are in it.
accounts() {
    grep -c 'the account of process' "$1" || true
}

# The shell ends when it has seen what it waits for; at exit there is one more.
account=$SCRATCH/account
: >"$account"
LD_PRELOAD=$WEIR_MALLOC WEIR_STATS_FILE=$account WEIR_DEBUG=stats=1,statsevery=1 bash -c '
    export LD_PRELOAD=
    until [ "$(grep -c "the account of process $$" '"$account"')" -ge 2 ]; do sleep 0.1; done'
[ "$(accounts "$account")" -ge 3 ] || { echo "statsevery: $(accounts "$account") accounts"; exit 1; }
echo "statsevery=1: the account comes again and again"

: >"$account"
LD_PRELOAD=$WEIR_MALLOC WEIR_STATS_FILE=$account WEIR_DEBUG=stats=1,statssignal=10 bash -c '
    export LD_PRELOAD=
    kill -USR1 $$
    until [ "$(grep -c "the account of process $$" '"$account"')" -ge 1 ]; do sleep 0.1; done'
[ "$(accounts "$account")" -eq 2 ] || { echo "statssignal: $(accounts "$account") accounts"; exit 1; }
echo "statssignal=10: the account comes when it is asked for"

# 150 MiB are idle; then 100 MiB are mapped and written by others, under 200 MiB, and nothing is allocated any more.
# A child of fork does without the thread.
if command -v python3 >"$SCRATCH/which"; then
    LD_PRELOAD=$WEIR_MALLOC WEIR_MEMLIMIT=200MiB WEIR_GOGC=off WEIR_BACKGROUND=1 python3 -c '
import mmap, os, sys, time
if os.fork() == 0:
    del [bytearray(100000) for _ in range(100)][:]
    os._exit(0)
assert os.wait()[1] == 0
blocks = [bytearray(b"x" * 100000) for _ in range(1500)]
others = mmap.mmap(-1, 100 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for block in blocks:
    block.clear()
del blocks, block
for at in range(0, 100 << 20, 4096):
    others[at] = 1
open(sys.argv[1], "w").close()
time.sleep(100000)' "$SCRATCH/ready" &
    program=$!
    at_end "kill $program 2>/dev/null"
    until [ -e "$SCRATCH/ready" ]; do sleep 0.1; done
    until [ "$(awk '/^RssAnon/ { print $2 }' "/proc/$program/status")" -le $((204 * 1024)) ]; do sleep 0.1; done
    echo "WEIR_BACKGROUND=1: what is idle gives way to what others take"
fi
