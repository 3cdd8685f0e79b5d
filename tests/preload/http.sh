#!/usr/bin/env bash
# The endpoint: nothing unless asked for, who may do what over TCP and the Unix socket, hostile clients, and real readers:
# Prometheus, promtool, a Go program.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need_endpoint curl
client=("$PYTHON" "$SOURCES/tests/preload/http.py")

free_port() {
    "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Allocates, writes the number of its rounds to a file, and ends when it is told to.
cat >works.py <<'END'
import os, sys
blocks, rounds = [], 0
while not os.path.exists("stop"):
    blocks = [bytearray(1000) for i in range(1000)]
    rounds += 1
    with open("rounds.new", "w") as file: file.write(str(rounds))
    os.replace("rounds.new", "rounds")
print(len(os.listdir("/proc/self/task")), "threads")
END
# serve ARGUMENT...: a program that works, with these options of weir run; its process is in $server.
serve() {
    rm -f stop
    PYTHONMALLOC=malloc "$WEIR" run "$@" -- "$PYTHON" works.py >served 2>served.err &
    server=$!
}
end() {
    touch stop
    wait "$server" || fail "the program ended with $?: $(cat served served.err)"
}
at_end 'touch "$SCRATCH/stop"; kill $server 2>/dev/null'

# is STATUS CURL-ARGUMENT...
is() {
    local wanted=$1 got
    shift
    got=$(curl -s -o answer -w '%{http_code}' "$@") || true
    [ "$got" = "$wanted" ] || fail "$got, expected $wanted: curl $*: $(cat answer)"
}

echo "nothing is started or loaded unless asked for"
! ldd "$WEIR_MALLOC" | grep -vE 'linux-vdso|libc\.so|libm\.so|ld-linux' || fail "libweir-malloc.so needs more than libc"
serve
until [ -e rounds ]; do sleep 0.02; done
! grep -q microhttpd "/proc/$server/maps" || fail "libmicrohttpd is loaded"
end
[ "$(<served)" = "1 threads" ] || fail "$(<served)"

echo "loopback: reading is free, changing is not"
port=$(free_port)
serve --http "127.0.0.1:$port"
"${client[@]}" wait "$port"
url=http://127.0.0.1:$port
is 200 "$url/metrics"
is 200 "http://localhost:$port/debug/vars"
is 200 "$url/"
is 404 "$url/nothing"
is 403 -X POST "$url/debug/gc"
is 403 -X POST -H 'Authorization: Bearer ' "$url/debug/gc"
is 403 -H 'Host: evil.example' "$url/metrics"
is 403 -H 'Origin: http://evil.example' "$url/metrics"
is 403 -H 'Sec-Fetch-Site: cross-site' "$url/metrics"
is 405 -X POST "$url/metrics"
is 403 -X DELETE "$url/debug/gc"
[ "$(curl -s -I "$url/metrics" | grep -ci '^content-type: text/plain; version=0.0.4')" = 1 ] || fail "$(curl -s -I "$url/metrics")"
if command -v promtool >/dev/null; then
    curl -s "$url/metrics" | promtool check metrics >lint 2>&1 && [ ! -s lint ] || fail "promtool: $(<lint)"
    echo "promtool has nothing to say"
fi
curl -s -H 'Accept: application/openmetrics-text' "$url/metrics" | tail -n 1 | grep -x '# EOF' >/dev/null || fail "no OpenMetrics"
curl -s "$url/debug/vars" | "$PYTHON" -c 'import json, sys
j = json.load(sys.stdin)
assert j["cmdline"][1:] == ["works.py"], j["cmdline"]
m = j["memstats"]
assert m["HeapSys"] == m["HeapInuse"] + m["HeapIdle"] and m["Mallocs"] > 1000 and len(m["PauseNs"]) == 256
assert j["weir"]["/gc/gogc:percent"] == 100 and j["weir"]["/weir/memory/endpoint:bytes"] > 16384' || fail "/debug/vars"
if command -v go >/dev/null; then
    cat >vars.go <<'END'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
)

func main() {
	var vars struct {
		Cmdline  []string
		Memstats runtime.MemStats
	}
	if err := json.NewDecoder(os.Stdin).Decode(&vars); err != nil {
		panic(err)
	}
	fmt.Println(vars.Cmdline[1], vars.Memstats.HeapAlloc > 0, len(vars.Memstats.PauseNs))
}
END
    [ "$(curl -s "$url/debug/vars" | GO111MODULE=off go run vars.go)" = "works.py true 256" ] || fail "a Go program reads /debug/vars"
    echo "a Go program reads it"
fi

echo "hostile clients: the program works on, and the endpoint does not grow"
before=$("${client[@]}" metric "$port" /memory/classes/total:bytes)
rounds=$(<rounds)
"${client[@]}" pipelined "$port"
"${client[@]}" huge "$port"
"${client[@]}" foreign "$port" 60
"${client[@]}" hammer "$port" 500
"${client[@]}" slow "$port" 130
"${client[@]}" many "$port" 1000
"${client[@]}" hammer "$port" 200
after=$("${client[@]}" metric "$port" /memory/classes/total:bytes)
[ $((after - before)) -lt $((8 << 20)) ] || fail "grew from $before to $after bytes"
[ "$("${client[@]}" metric "$port" /weir/memory/endpoint:bytes)" -lt $((3 << 20)) ] || fail "the endpoint grew"
until [ "$(<rounds)" -gt "$rounds" ]; do sleep 0.02; done
is 200 "$url/metrics"
end
[ "$(<served)" = "2 threads" ] && [ ! -s served.err ] || fail "$(cat served served.err)"

echo "the token"
port=$(free_port) url=http://127.0.0.1:$port
WEIR_HTTP_TOKEN=0123456789abcdef0 serve --http "localhost:$port"
"${client[@]}" wait "$port"
is 403 -X POST "$url/debug/gc"
is 403 -X POST -H 'Authorization: Bearer 0123456789abcdef1' "$url/debug/gc"
is 200 -X POST -H 'Authorization: Bearer 0123456789abcdef0' "$url/debug/tune?gogc=25&memlimit=512MiB"
[ "$("${client[@]}" metric "$port" /gc/gogc:percent) $("${client[@]}" metric "$port" /gc/gomemlimit:bytes)" = "25 $((512 << 20))" ] ||
    fail "the knobs were not turned"
is 400 -X POST -H 'Authorization: Bearer 0123456789abcdef0' "$url/debug/tune?gogc=x"
end

echo "a trace, while others are served"
port=$(free_port) url=http://127.0.0.1:$port
serve --http "127.0.0.1:$port" --gogc 10
"${client[@]}" wait "$port"
curl -s "$url/debug/trace?seconds=2" -o trace.json &
tracing=$!
until find "/proc/$server/fd" -lname '/memfd:weir-trace*' | grep . >/dev/null; do kill -0 $tracing || fail "no trace"; done
is 409 "$url/debug/trace"
is 200 "$url/metrics"
wait $tracing || fail "the trace did not come"
"$PYTHON" -c 'import json; assert {"held"} <= {record.get("name") for record in json.load(open("trace.json"))}' ||
    fail "$(head -c 300 trace.json)"
is 400 "$url/debug/trace?seconds=0"
is 200 "$url/debug/trace?seconds=1"
end

if command -v go >/dev/null; then
    port=$(free_port)
    WEIR_PROFILE=$SCRATCH/heap.pb.gz WEIR_PROFILE_RATE=4KiB serve --http "127.0.0.1:$port"
    "${client[@]}" wait "$port"
    go tool pprof -top -sample_index=alloc_space "http://127.0.0.1:$port/debug/pprof/heap" >pprof 2>&1 || fail "pprof: $(<pprof)"
    grep -q 'Type: alloc_space' pprof && grep -q 'flat%' pprof || fail "pprof: $(<pprof)"
    end
    echo "go tool pprof reads its profile"
fi

echo "the Unix socket: its owner may do all"
serve --http "unix:$SCRATCH/at-%p"
socket=$SCRATCH/at-$server
"${client[@]}" wait "$socket"
[ "$(stat -c %a "$socket")" = 600 ] || fail "others may open it: $(stat -c %a "$socket")"
[ "$("${client[@]}" post "$socket" '/debug/tune?gogc=off')" = "200 turned" ] || fail "tune"
[ "$("${client[@]}" metric "$socket" /gc/gogc:percent)" = $((2 ** 64 - 1)) ] 2>/dev/null ||
    [ "$("${client[@]}" metric "$socket" /gc/gogc:percent)" = 18446744073709551615 ] || fail "gogc is not off"
[ "$("${client[@]}" post "$socket" /debug/gc)" = "200 collected" ] || fail "gc"
[ "$("${client[@]}" post "$socket" /debug/free)" = "200 given back" ] || fail "free"
end
[ ! -e "$socket" ] || fail "the socket is left behind"

echo "main has left: the process ends with the last thread of the program, and the endpoint does not keep it alive"
[ "$(on_weir WEIR_HTTP=127.0.0.1:0 timeout -s KILL 60 "$WEIR_PROGRAMS/leaves" 2>/dev/null)" = left ] || fail "leaves"

echo "what is wrong is said in a line, and the program runs"
for address in nowhere 127.0.0.1 127.0.0.1:99999 127.0.0.1:x unix:relative '[::1:80' :6060 0.0.0.0:0 '[::]:0' 192.0.2.1:80 \
    "unix:/$(printf 'x%.0s' {1..200})"; do
    WEIR_HTTP=$address on_weir true 2>err || fail "$address: $?"
    [ "$(wc -l <err)" = 1 ] && grep -q "there is no endpoint" err || fail "$address: $(<err)"
done
WEIR_HTTP=127.0.0.1:0 WEIR_HTTP_TOKEN=short on_weir true 2>err
grep -q 'WEIR_HTTP_TOKEN has to have 16' err || fail "$(<err)"
cp "$WEIR_MALLOC" alone.so
LD_PRELOAD=$SCRATCH/alone.so WEIR_HTTP=127.0.0.1:0 /bin/true 2>err
grep -q 'there is no endpoint: .*libweir-http.so' err || fail "$(<err)"

echo "one process serves; children neither serve nor keep the port"
port=$(free_port)
"$WEIR" run --http "127.0.0.1:$port" -- "$PYTHON" -c 'import os, subprocess, sys, time
assert subprocess.run(["true"], capture_output=True).stderr == b""
child = os.fork()
if child == 0:
    assert len(os.listdir("/proc/self/task")) == 1
    open("child", "w").close()
    while not os.path.exists("stop"): time.sleep(0.02)
    os._exit(0)
while not os.path.exists("child"): time.sleep(0.01)
os._exit(0)' || fail "children"
rm -f stop
"$PYTHON" -c 'import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen()' "$port" ||
    fail "the child keeps the port"
touch stop

if command -v prometheus >/dev/null; then
    port=$(free_port) own=$(free_port)
    serve --http "127.0.0.1:$port"
    "${client[@]}" wait "$port"
    cat >prometheus.yml <<END
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: weir
    static_configs: [{targets: ["127.0.0.1:$port"]}]
END
    prometheus --config.file=prometheus.yml --storage.tsdb.path="$SCRATCH/tsdb" --web.listen-address="127.0.0.1:$own" >prometheus.log 2>&1 &
    prometheus=$!
    at_end 'kill $prometheus 2>/dev/null'
    for ((i = 0; i < HANG * 10; i++)); do
        curl -s "http://127.0.0.1:$own/api/v1/query?query=weir_memory_classes_heap_objects_bytes" >queried || true
        ! grep -q '"value":\[[0-9.]*,"[1-9][0-9]*"\]' queried || break
        kill -0 $prometheus 2>/dev/null || fail "prometheus: $(tail -n 3 prometheus.log)"
        sleep 0.1
    done
    grep -q '"job":"weir"' queried || fail "$(<queried)"
    curl -s "http://127.0.0.1:$own/api/v1/query?query=up" >up; grep -q '"1"\]' up || fail "Prometheus could not scrape"
    kill $prometheus
    wait $prometheus 2>/dev/null || true
    end
    echo "Prometheus scrapes it"
fi
