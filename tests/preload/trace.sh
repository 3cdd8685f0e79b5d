#!/usr/bin/env bash
# The execution trace: complete records of the published format however the program ends, a file for each process, and one
# line where it cannot be written.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need python3

program=$WEIR_PROGRAMS/traced
cd "$SCRATCH"

# trace_is FILE...: what trace.py says of it
trace_is() {
    python3 "$SOURCES/tests/preload/trace.py" "$@" || fail "trace.py $*"
}

# traced FILE [NAME=VALUE...] ARGUMENT...: the program runs as without a trace, and weir says nothing
traced() {
    local file=$1
    shift
    on_weir WEIR_TRACE="$file" "$@" >out 2>err || fail "status $?: $(<err)"
    [ "$(tail -n 1 out)" = "done" ] || fail "printed: $(<out)"
    [ ! -s err ] || fail "$(<err)"
}

echo "a program from start to end"
traced plain.json "$program" cycles 4
trace_is plain.json 'cycle>=4' 'release>=4' 'resident>=2' 'process_name=1'

echo "the name of weir run --trace"
"$WEIR" run --trace -- "$program" cycles 1 >out
trace_is weir-*.trace.json 'cycle>=1'

echo "collections"
on_weir WEIR_TRACE=collected.json WEIR_COLLECT=1 WEIR_GOGC=10 WEIR_DEBUG=gcverify=1 python3 -c '
for i in range(6):
    kept = [str(j) for j in range(50000)]
'
trace_is collected.json 'collection>=2' 'mark>=2' 'all threads stand>=2' 'goal>=1' 'collected heap>=2'

echo "a part, asked for by the program"
on_weir "$program" cycles 1 api part.json cycles 1 >out
trace_is part.json 'cycle>=2'

echo "children: a file of its own for the one that has something to say"
traced family.json "$program" forks cycles 1
trace_is family.json 'cycle>=1'
[ "$(ls family.json.* | wc -l)" = 1 ] || fail "$(ls family.json*)"
trace_is family.json.* 'cycle>=2'

echo "two processes with one name: the second leaves the first one's file alone"
on_weir WEIR_TRACE=shared.json sh -c "'$program' cycles 1; '$program' cycles 1; exit 0" >out
[ "$(ls shared.json* | wc -l)" = 3 ] || [ "$(ls shared.json* | wc -l)" = 1 ] || fail "$(ls shared.json*)"
for file in shared.json*; do trace_is --cut "$file"; done

echo "killed at a bad moment"
mkfifo lines
on_weir WEIR_TRACE=killed.json "$program" cycles 2 waits <lines >said &
waited_for=$!
exec 8>lines
until grep -q waiting said; do sleep 0.02; done
kill -KILL "$(sed -n 's/^waiting //p' said)"
wait "$waited_for" || true
exec 8>&-
trace_is --cut killed.json 'cycle>=2'

echo "a program that closes all descriptors: its own file stays its own"
on_weir WEIR_TRACE=closed.json "$program" cycles 1 closes cycles 1 >out 2>err
[ "$(cat own)" = "" ] || fail "a trace in the program's file"
grep -q '^weir: no more of the trace: .*closed.json: Bad file descriptor$' err || fail "$(<err)"
[ "$(wc -l <err)" = 1 ] || fail "$(<err)"
trace_is --cut closed.json 'cycle>=1'

echo "after more traces that were given up than can listen at a time, another"
on_weir "$program" loses 20 api again.json >out 2>err
[ "$(grep -c '^weir: no more of the trace: ' err)" = 20 ] || fail "$(<err)"
trace_is again.json 'cycle>=2'

echo "a bound on its size"
traced bounded.json WEIR_TRACE_SIZE=4KiB "$program" cycles 20
trace_is bounded.json 'records dropped=1'
[ "$(wc -c <bounded.json)" -le $((4096 + 256)) ] || fail "$(wc -c <bounded.json) bytes"

# refused FILE: one line, and the program runs on.
refused() {
    on_weir WEIR_TRACE="$1" "$program" cycles 2 >out 2>err || fail "status $?"
    [ "$(<out)" = "done" ] || fail "printed: $(<out)"
    [ "$(wc -l <err)" = 1 ] || fail "lines: $(<err)"
    grep -q "^weir: no \(more of the \)\?trace: .*$2" err || fail "$(<err)"
}
echo "where it cannot be written"
mkfifo pipe
refused none/x.json 'No such file or directory$'
refused pipe ': '
refused "$(printf 'x%.0s' $(seq 300))" 'File name too long$'
if mkdir small && mount -t tmpfs -o size=4k none small 2>/dev/null; then
    at_end "umount '$SCRATCH/small'"
    head -c 4000 /dev/zero >small/full
    refused small/x.json 'No space left on device$'
    rm small/full
    on_weir WEIR_TRACE=small/y.json "$program" cycles 20 >out 2>err
    trace_is --cut small/y.json
fi
(ulimit -f 4 && on_weir WEIR_TRACE=limited.json "$program" cycles 40 >out 2>err) || fail "status $?"
grep -q 'File too large$' err || fail "$(<err)"
trace_is --cut limited.json

echo "where a filter of system calls kills for writing it"
for how in prctl trap errno; do
    for mode in alone threads busy signal; do
        status=0
        on_weir WEIR_TRACE=locked.json "$WEIR_PROGRAMS/locked-in" $how $mode 2>err || status=$?
        [ "$status" != 77 ] || break 2
        [ "$status" = 0 ] || fail "$how $mode: status $status: $(<err)"
        # It leaves by _exit: there is no line if nothing was to be written since it was locked in.
        grep -v '^weir: no more of the trace: .*locked.json: Operation not permitted$' err >other && fail "$(<other)"
        [ "$(wc -l <err)" -le 1 ] || fail "lines: $(<err)"
    done
done

echo "with stderr closed"
on_weir WEIR_TRACE=none/x.json "$program" cycles 1 >out 2>&-
[ "$(<out)" = "done" ] || fail "printed: $(<out)"
