#!/usr/bin/env bash
# Programs with a runtime of their own, under the swap-in and in collect mode: they print what they print on the system's malloc. Those
# that are not installed are left out. docs/compatibility.md has the table.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
HERE=$SOURCES/tests/preload/compatibility

# as_on_system PROGRAM COMMAND...
as_on_system() {
    local program=$1 setting status
    shift
    command -v "$program" >/dev/null || {
        echo "no $program here: left out"
        return 0
    }
    in_own_directory on_system "$@" >"$SCRATCH/expected" 2>/dev/null || fail "on the system's malloc: $*"
    for setting in WEIR_COLLECT=0 WEIR_COLLECT=1 "WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=signal"; do
        status=0
        in_own_directory on_weir $setting "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" || status=$?
        if [ "$status" != 0 ] || ! cmp -s "$SCRATCH/expected" "$SCRATCH/out" || grep -q '^weir: ' "$SCRATCH/err"; then
            tail -n 20 "$SCRATCH/err" >&2
            fail "$setting: status $status, or other output: $*"
        fi
    done
    echo "as on the system's malloc: $program"
}

if command -v go >/dev/null && GOFLAGS=-mod=mod GOCACHE=$SCRATCH/cache go build -o "$SCRATCH/cgo" "$HERE/cgo.go" 2>/dev/null; then
    as_on_system go "$SCRATCH/cgo"
else
    echo "no Go with cgo here: left out"
fi
if command -v javac >/dev/null; then
    javac -d "$SCRATCH" "$HERE/Threads.java"
    as_on_system java java -cp "$SCRATCH" Threads
fi
as_on_system node node -e '
    const { Worker } = require("worker_threads"), kept = [];
    for (let i = 0; i < 1e5; i++) kept.push(Buffer.alloc(100));
    new Worker("let s = 0; for (let i = 0; i < 1e6; i++) s += i; require(\"worker_threads\").parentPort.postMessage(s)", { eval: true })
        .on("message", (sum) => require("zlib").gzip(Buffer.alloc(1e6), (e, out) => console.log(sum, out.length, kept.length)))'
as_on_system ruby ruby -e '
    p 4.times.map { Thread.new { a = []; 50000.times { |i| a << ("x" * (i % 100)) }; a.size } }.map(&:value).sum
    p `echo hi`, (1..3).map { |i| fork { exit i }; Process.wait2[1].exitstatus }'
for zend in 1 0; do
    as_on_system php env USE_ZEND_ALLOC=$zend php -r '
        $a = []; for ($i = 0; $i < 100000; $i++) $a[] = str_repeat("x", $i % 100);
        echo gc_collect_cycles() >= 0, count($a), " ", md5(serialize($a)), "\n", shell_exec("echo hi");'
done
as_on_system python3 python3 -c '
import subprocess, sqlite3, threading
counts = []
def work():
    counts.append(len([bytes(i % 100) for i in range(50000)]))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(counts, subprocess.run(["echo", "hi"], capture_output=True).stdout)'
as_on_system gdb gdb -nx -batch -ex 'info functions main' "$WEIR_PROGRAMS/halted"
