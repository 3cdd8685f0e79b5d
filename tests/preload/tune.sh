#!/usr/bin/env bash
# weir tune: what it finds keeps the bound when the program is run with the line that it prints; what it says when nothing
# does; its JSON; and the kinds of programs that it is for.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
PYTHON=${PYTHON:-python3}
need "$PYTHON" sqlite3 /usr/bin/time
cd "$SCRATCH"
unset WEIR_GOGC WEIR_MEMLIMIT WEIR_COLLECT WEIR_DEBUG

# tune STATUS ARGUMENT...: run it; its output is in out and err.
tune() {
    local wanted=$1 status=0
    shift
    timeout "$HANG" "$WEIR" tune "$@" >out 2>err </dev/null || status=$?
    [ "$status" = "$wanted" ] || fail "status $status, expected $wanted: weir tune $*: $(cat out err)"
}

has() {
    grep -qE -- "$1" out || fail "no line \"$1\": $(cat out err)"
}

# keeps KIB COMMAND...: run with the line that was printed, its peak is not above.
keeps() {
    local most=$1 line peak
    shift
    line=$(grep -E '^    weir run .*--$' out) || fail "no line to put in front: $(cat out)"
    # shellcheck disable=SC2086
    /usr/bin/time -o time -f %M "$(dirname "$WEIR")"/$(echo $line) "$@" >/dev/null
    peak=$(<time)
    [ "$peak" -le "$most" ] || fail "$line: peak $peak KiB, not $most"
    echo "kept, with $((most - peak)) KiB to spare:$line"
}

echo "bad usage: one line, exit 2"
for words in "" "true" "--max-rss" "--max-rss x true" "--max-rss off true" "--max-rss 0 true" "--max-slowdown x true" \
    "--max-slowdown -5 true" "--max-slowdown 5%% true" "--max-rss 1GiB --max-slowdown 5 true" "--max-rss 1GiB" \
    "--max-rss 1GiB --gogc 5 true"; do
    # shellcheck disable=SC2086
    tune 2 $words
    [ "$(wc -l <err)" = 1 ] && [ ! -s out ] || fail "weir tune $words: $(cat out err)"
done

# A ring of 100,000 live blocks, each replaced four times and never freed: 10 MB live.
cat >ring.c <<'END'
#include <stdlib.h>
#include <string.h>
char *ring[100000];
int main(void)
{
    for (long i = 0; i < 500000; i++)
        ring[i % 100000] = memset(malloc(100), 1, 100);
    return 0;
}
END
"$CC" -O1 -fno-builtin ring.c -o ring

echo "a bound on the peak of collected memory"
tune 0 --max-rss 22MiB --collect --repeat 1 --time cpu -- ./ring
has '^    weir run --collect --(gogc|memlimit) .*--$'
keeps $((23 * 1024)) ./ring
tune 0 --max-rss 2GiB --collect --repeat 1 --time cpu -- ./ring
has '^found: gogc='
tune 1 --max-rss 8MiB --collect --repeat 1 -- ./ring
has '^no setting keeps it; the lowest peak was [0-9.]+ MiB, with '

echo "a bound on the slowdown"
tune 0 --max-slowdown 100000% --memory peak --collect --repeat 2 -- ./ring
has '^found: gogc=1: '
tune 0 --max-slowdown 30% --time cpu --memory peak --collect --repeat 1 --json -- ./ring
"$PYTHON" -c 'import json
j = json.load(open("out"))
found, reference = j["settings"][j["found"]], j["settings"][0]
assert reference["name"] == "gogc=100" and j["line"].startswith("weir run --collect --gogc "), j["line"]
assert found["median"]["peak_bytes"] <= reference["median"]["peak_bytes"] * 1.02
assert len({setting["name"] for setting in j["settings"]}) == len(j["settings"]) > 2' || fail "$(cat out)"

echo "a program that fails"
tune 1 --max-rss 1GiB --repeat 1 -- sh -c 'exit 4'
has '^the program fails with gogc=100'
has 'status 4'

table='create table t as select hex(randomblob(30)) from generate_series(1, 100000); drop table t'
tune 0 --max-rss 64MiB --repeat 1 -- sqlite3 :memory: "$table"
keeps $((64 * 1024)) sqlite3 :memory: "$table"
tune 0 --max-slowdown 1000% --repeat 1 -- env PYTHONMALLOC=malloc "$PYTHON" "$SOURCES/tests/preload/real/work.py" 1
keeps 1000000 env PYTHONMALLOC=malloc "$PYTHON" "$SOURCES/tests/preload/real/work.py" 1
tune 0 --max-rss 1GiB --repeat 1 -- "$CC" -O1 -c ring.c -o ring.o
keeps 1000000 "$CC" -O1 -c ring.c -o ring.o
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
    cat >load <<'END'
#!/bin/sh
redis-server --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no >/dev/null &
until redis-cli -s "$PWD/socket" ping >/dev/null 2>&1; do sleep 0.02; done
redis-benchmark -s "$PWD/socket" -n 10000 -P 16 -r 10000 -d 100 -q -t set,lpush
redis-cli -s "$PWD/socket" shutdown nosave
wait
END
    chmod +x load
    tune 0 --max-rss 256MiB --repeat 1 -- ./load
    keeps $((256 * 1024)) ./load
fi
