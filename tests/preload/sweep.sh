#!/usr/bin/env bash
# weir sweep: its figures against time(1), what it does with runs that fail, its progress, its JSON and its pictures,
# and the kinds of programs that it is for.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
PYTHON=${PYTHON:-python3}
need "$PYTHON" sqlite3 gnuplot script /usr/bin/time
cd "$SCRATCH"
unset WEIR_GOGC WEIR_MEMLIMIT WEIR_COLLECT WEIR_DEBUG

# sweep STATUS ARGUMENT...: run it; its output is in out and err.
sweep() {
    local wanted=$1 status=0
    shift
    timeout $HANG "$WEIR" sweep "$@" >out 2>err </dev/null || status=$?
    [ "$status" = "$wanted" ] || fail "status $status, expected $wanted: weir sweep $*: $(cat out err)"
}

# holds EXPRESSION: of the JSON in out, which is `j`.
holds() {
    "$PYTHON" -c 'import json, sys
j = json.load(open("out"))
s = {setting["name"]: setting for setting in j["settings"]}
if not eval(sys.argv[1]): sys.exit(1)' "$1" || fail "not so: $1: $(cat out)"
}

has() {
    grep -qE -- "$1" out || fail "no line \"$1\": $(cat out err)"
}

echo "bad usage: one line, exit 2"
for words in "--gogc" "--gogc x true" "--gogc 25,,50 true" "--memlimit 64MB true" "--baseline nomalloc true" \
    "--repeat 0 true" "--repeat x true" "--repeat= true" "--time real true" "--memory both true" "--what true" "" "--" \
    "--picture= true"; do
    # shellcheck disable=SC2086
    sweep 2 $words
    [ "$(wc -l <err)" = 1 ] && [ ! -s out ] || fail "weir sweep $words: $(cat out err)"
done

# time runs inside the sweep, around the program, and outside, around the sweep: the sweep's figures lie between the two.
echo "the figures are time's"
work='import time
held = [bytes(1000) for i in range(40000)]
began = time.process_time()
while time.process_time() - began < 0.3: pass'
/usr/bin/time -o outer -f '%e %U %S %M' "$WEIR" sweep --gogc 100 --repeat 1 --picture none --json -- \
    /usr/bin/time -o inner -f '%e %U %S %M' env PYTHONMALLOC=malloc "$PYTHON" -c "$work" >out
"$PYTHON" - <<'END' || fail "$(cat inner outer out)"
import json, sys
run = json.load(open("out"))["settings"][0]["runs"][0]
inner, outer = ([float(word) for word in open(name).read().split()] for name in ("inner", "outer"))
TICK = 0.011  # time cuts to hundredths
assert inner[0] <= run["wall_s"] <= outer[0] + TICK, "wall"
assert inner[1] + inner[2] <= run["cpu_s"] + 0.001 and run["cpu_s"] <= outer[1] + outer[2] + 2 * TICK, "processor"
assert run["peak_bytes"] == inner[3] * 1024, "peak"
assert 40e6 < run["peak_bytes"] < 400e6 and run["cpu_s"] > 0.3
assert run["average_bytes"] <= run["peak_bytes"]
assert run["accounts"] >= 1
END

echo "the average is over time"
half='import mmap, os, sys, time
time.sleep(0.5)
block = mmap.mmap(-1, 200 << 20)
for page in range(0, len(block), 4096): block[page] = 1
time.sleep(0.5)
block.close()
time.sleep(0.5)'
sweep 0 --gogc 100 --repeat 1 --picture none --json -- "$PYTHON" -c "$half"
holds '200 << 20 < j["settings"][0]["runs"][0]["peak_bytes"] < 260 << 20'
holds '0.05 < j["settings"][0]["runs"][0]["average_bytes"] / (200 << 20) < 0.85'

echo "runs that fail are shown, and count in nothing"
# Fails in its second run of all, and in every run under glibc.
cat >fails <<'END'
#!/bin/sh
echo run >>runs
[ "$(wc -l <runs)" != 2 ] || { echo first; echo "the reason" >&2; exit 3; }
case $LD_PRELOAD in *weir*) ;; *) kill -SEGV $$ ;; esac
END
chmod +x fails
sweep 1 --gogc 50,off --baseline glibc --repeat 2 --picture none -- ./fails
has '^failed: gogc=off: 1 of 2 runs: status 3: the reason$'
has '^failed: glibc: 2 of 2 runs: signal 11 \(Segmentation fault\)$'
has '^  glibc +failed '
rm runs
sweep 1 --gogc 50,off --baseline glibc --repeat 2 --picture none --json -- ./fails
holds 's["gogc=off"]["failed"] == 1 and s["gogc=50"]["failed"] == 0'
holds 's["glibc"]["failed"] == 2 and s["glibc"]["median"] is None and s["glibc"]["runs"][0]["signal"] == 11'
holds 's["gogc=off"]["median"]["wall_s"] == [r for r in s["gogc=off"]["runs"] if not r["failed"]][0]["wall_s"]'
sweep 1 --gogc 50 --repeat 1 --picture none -- ./no-such-program
has '^failed: gogc=50: 1 of 1 runs: ./no-such-program: No such file or directory$'
printf 'int main(void) { return 0; }' >plain.c
"$CC" -static plain.c -o static
sweep 125 --gogc 50 --repeat 1 --picture none -- ./static
grep -q 'statically linked: the knobs do not reach it' err || fail "$(cat err)"

echo "what a program leaves running is ended, and counted"
sweep 0 --gogc 50 --repeat 2 --picture none -- sh -c 'sleep 600 & echo $! >>left'
has '^the program left 1 process running'
while read -r process; do
    ! kill -0 "$process" 2>/dev/null || fail "process $process still runs"
done <left

echo "standard input and output"
printf 'one\ntwo\n' >input
"$WEIR" sweep --gogc 50,100 --repeat 2 --picture none --stdout -- wc -l <input >out 2>err || fail "$(cat out err)"
[ "$(grep -c '^2$' out)" = 4 ] || fail "each run reads all of it: $(cat out)"
sweep 0 --gogc 50 --repeat 1 --picture none -- sh -c 'echo not here; test -z "$(cat)"'
! grep 'not here' out || fail "stdout came through"

echo "the environment of each setting"
cat >shows <<'END'
#!/bin/sh
echo "$WEIR_GOGC $WEIR_MEMLIMIT ${WEIR_COLLECT-none} ${LD_PRELOAD##*/}" >>seen
END
chmod +x shows
sweep 0 --gogc 50,off --memlimit 64MiB --baseline glibc,"$(libc_path)" --collect --repeat 1 --picture none -- ./shows
[ "$(sort seen)" = "  none 
  none $(basename "$(libc_path)")
50 64MiB 1 libweir-malloc.so
off 64MiB 1 libweir-malloc.so" ] || fail "$(cat seen)"

echo "progress on a terminal only"
script -qec "$WEIR sweep --gogc 50,100 --repeat 2 --picture none -- sleep 0.7" /dev/null >out 2>&1 </dev/null || fail "$(cat out)"
grep -q 'run 4 of 4: gogc=' out && grep -qE '\(0:0[0-9] left\)' out || fail "$(cat -v out)"
sweep 0 --gogc 50 --repeat 1 --picture none -- true
[ ! -s err ] || fail "a word on stderr: $(cat err)"

echo "a signal ends it, with what there is"
"$WEIR" sweep --gogc 50 --repeat 1000 --picture none -- sh -c 'echo run >>begun; sleep 0.1' >out 2>err &
pid=$!
until [ -e begun ] && [ "$(wc -l <begun)" -gt 3 ]; do sleep 0.02; done
kill -TERM $pid
status=0
wait $pid || status=$?
[ "$status" = 143 ] || fail "status $status: $(cat out err)"
has '^  gogc=50 '

echo "pictures"
sweep 0 --gogc 25,400 --memlimit 64MiB --baseline glibc --repeat 1 --picture 'a "picture"' -- sqlite3 :memory: 'select 1'
has '^picture: a "picture".svg, a "picture".png$'
"$PYTHON" -c 'import xml.dom.minidom, sys
texts = xml.dom.minidom.parse(sys.argv[1]).toxml()
for name in ("gogc=25 memlimit=64MiB", "gogc=400 memlimit=64MiB", "glibc", "Pareto front", "MiB", "select 1"):
    assert name in texts, name
assert open(sys.argv[2], "rb").read(8) == b"\x89PNG\r\n\x1a\n"' 'a "picture".svg' 'a "picture".png'
PATH=$SCRATCH "$WEIR" sweep --gogc 25 --repeat 1 -- /bin/true >out 2>err || fail "$(cat out err)"
grep -q 'gnuplot is not installed: there is no picture' err && ! grep -q '^picture:' out || fail "$(cat out err)"

# works NAME ARGUMENT...: every run is good, and weir's processes wrote accounts.
works() {
    local name=$1
    shift
    sweep 0 --gogc 25,off --repeat 1 --picture none --json "$@"
    holds 'all(run["accounts"] > 0 and not run["failed"] for setting in j["settings"] for run in setting["runs"])'
    echo "swept: $name"
}

works python3 -- env PYTHONMALLOC=malloc "$PYTHON" "$SOURCES/tests/preload/real/work.py" 1
works sqlite3 -- sqlite3 :memory: "create table t as select hex(randomblob(30)) from generate_series(1, 300000); drop table t"
holds 's["gogc=25"]["median"]["released_bytes"] > 10e6 and s["gogc=off"]["median"]["released_bytes"] == 0'
cat >program.c <<'END'
#include <stdlib.h>
int main(void) { for (int i = 0; i < 3000000; i++) { volatile char *p = malloc(100); *p = 1; } return 0; }
END
works gcc -- "$CC" -O1 -c program.c -o program.o
"$CC" -O1 -fno-builtin program.c -o program
works "collected memory" --collect -- ./program
holds 's["gogc=25"]["median"]["cycles"] > 10 and s["gogc=25"]["median"]["longest_stop_ns"] > 0'
holds 's["gogc=25"]["median"]["peak_bytes"] * 3 < s["gogc=off"]["median"]["peak_bytes"]'
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
    cat >load <<'END'
#!/bin/sh
redis-server --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no >/dev/null &
until redis-cli -s "$PWD/socket" ping >/dev/null 2>&1; do sleep 0.02; done
redis-benchmark -s "$PWD/socket" -n 30000 -P 16 -r 10000 -d 100 -q -t set,lpush
redis-cli -s "$PWD/socket" shutdown nosave
wait
END
    chmod +x load
    works redis -- ./load
fi
