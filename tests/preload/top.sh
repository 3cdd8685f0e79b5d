#!/usr/bin/env bash
# weir top and weir ctl: the processes that were started with --control, their account, their knobs, and nobody else's.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need_endpoint
export XDG_RUNTIME_DIR=$SCRATCH/runtime
mkdir -m 700 runtime

# ctl STATUS ARGUMENT...: its output is in out and err.
ctl() {
    local wanted=$1 status=0
    shift
    "$WEIR" ctl "$@" >out 2>err || status=$?
    [ "$status" = "$wanted" ] || fail "status $status, expected $wanted: weir ctl $*: $(cat out err)"
}

# The line of a process in the table.
line() {
    "$WEIR" top --once | awk -v process="$1" '$1 == process'
}

[ "$("$WEIR" top --once | wc -l)" = 1 ] || fail "nobody is there"
"$WEIR" run --control --gogc 50 -- "$PYTHON" -c 'import os, time
held = [bytes(100000) for i in range(100)]
while not os.path.exists("stop"): time.sleep(0.02)' &
first=$!
"$WEIR" run --control --memlimit 1GiB -- sh -c 'until [ -e stop ]; do sleep 0.02; done' &
second=$!
"$WEIR" run -- sh -c 'until [ -e stop ]; do sleep 0.02; done' &
third=$!
at_end 'kill $first $second $third 2>/dev/null'
until [ -n "$(line $second)" ] && line $first | awk '{ exit !($2 ~ /python/ && $3 ~ /M$/ && $3 + 0 > 9) }'; do sleep 0.05; done
[ -z "$(line $third)" ] && [ "$("$WEIR" top --once | wc -l)" = 3 ] || fail "$("$WEIR" top --once)"
line $first | awk '{ exit !($9 == "50" && $10 == "off") }' || fail "$(line $first)"
line $second | awk '{ exit !($2 == "sh" && $9 == "100" && $10 == "1.0G") }' || fail "$(line $second)"
[ "$(stat -c %a runtime/weir)" = 700 ] || fail "others may look into the folder"

# weir top reads the shared page: with the socket out of the way its figures are still of now. If it cannot read the
# page, here because of an unknown version, it asks the socket.
socket=runtime/weir/$first
mv "$socket" kept && : >"$socket"
line $first | awk '{ exit !($9 == "50") }' || fail "the shared page is not read: $(line $first)"
rm "$socket" && mv kept "$socket"
"$PYTHON" - $first <<'END'
import glob, mmap, os, subprocess, sys
for link in glob.glob(f"/proc/{sys.argv[1]}/fd/*"):
    if "/memfd:weir-figures" in os.readlink(link):
        file = os.open(link, os.O_RDWR)
for change in (lambda: os.ftruncate(file, 0), lambda: os.ftruncate(file, 1 << 20)):
    try:
        change()
        sys.exit("the page can be cut or stretched")
    except PermissionError:
        pass
page = mmap.mmap(file, 65536)
page[0:4] = b"\xff\0\0\0"
END
line $first | awk '{ exit !($9 == "50") }' || fail "the socket is not asked: $(line $first)"
[ -z "$(for link in /proc/$third/fd/*; do readlink "$link"; done | grep weir-figures)" ] || fail "a process shares a page unasked"

ctl 0 $first gogc=25 memlimit=512MiB
line $first | awk '{ exit !($9 == "25" && $10 == "512.0M") }' || fail "$(line $first)"
ctl 0 $first gogc=off
ctl 0 $first memlimit=90%
line $first | awk '{ exit !($9 == "off" && $10 != "off") }' || fail "$(line $first)"
ctl 0 $first gc
[ "$(<out)" = collected ] || fail "$(<out)"
ctl 0 $first free
[ "$(<out)" = "given back" ] || fail "$(<out)"
ctl 1 $third gogc=25
grep -q "process $third cannot be asked: .*--control" err || fail "$(<err)"
for words in "" "x gc" "-5 gc" "$first" "$first gogc" "$first gogc=x" "$first gogc=25 gc" "$first memlimit=5MB" "$first hardlimit=1GiB"; do
    # shellcheck disable=SC2086
    ctl 2 $words
    [ "$(wc -l <err)" = 1 ] && [ ! -s out ] || fail "weir ctl $words: $(cat out err)"
done
line $first | awk '{ exit !($9 == "off") }' || fail "a bad value turned something: $(line $first)"

if command -v script >/dev/null && ldd "$WEIR" | grep ncurses >/dev/null; then
    # The first process of the table is chosen, with GOGC 100. "-" halves it; then the keys g, f, j, k and q are pressed.
    order=$(printf '%s\n' $first $second | sort -n | head -n 1)
    "$WEIR" ctl "$order" gogc=100 >/dev/null
    (
        until grep -q PROGRAM screen 2>/dev/null; do sleep 0.02; done
        printf -- '-'
        until line "$order" | awk '{ exit !($9 == "50") }'; do sleep 0.1; done
        printf 'gfjkq'
    ) | TERM=xterm timeout $HANG script -qec "stty cols 120 rows 30; $WEIR top" /dev/null >screen || fail "top: $(cat -v screen)"
    for text in PROGRAM "$first" "$second" 'MAX STOP' 'choose'; do
        grep -qF "$text" screen || fail "no $text on the screen: $(cat -v screen)"
    done
    echo "live: a key turned a knob"
fi

chmod 777 runtime/weir
! "$WEIR" top --once 2>err || fail "a folder of everybody's was taken"
grep -q "is not a folder of this user's alone" err || fail "$(<err)"
chmod 700 runtime/weir
touch stop
wait $first $second $third
: >runtime/weir/999999999
[ "$("$WEIR" top --once | wc -l)" = 1 ] && [ -z "$(ls runtime/weir)" ] || fail "something is left: $(ls runtime/weir)"
echo "passed: the processes are listed, and their knobs turned"
