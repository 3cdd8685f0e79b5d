#!/usr/bin/env bash
# Programs of the harness as they are used: allocations with and without weir, a processor profile, benchstat.
# From the environment: WEIR and WEIR_MALLOC, PROGRAM (program.c, built with -g).
set -euo pipefail
: "${WEIR:?}" "${WEIR_MALLOC:?}" "${PROGRAM:?}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
    echo "$*" >&2
    exit 1
}

echo "allocations: of malloc on weir; nothing where nobody counts"
LD_PRELOAD=$WEIR_MALLOC "$PROGRAM" -bench Alloc -benchtime 1000x >on
grep -qE '^BenchmarkAllocations.*[[:space:]]192 B/op[[:space:]]+3 allocs/op$' on || fail "$(cat on)"
"$PROGRAM" -bench Alloc -benchtime 1000x >off
grep -qE '^BenchmarkAllocations.* ns/op$' off || fail "$(cat off)"

echo "benchstat reads it: seven measurements on either side, an exact unit"
"$PROGRAM" -bench 'Busy|Metrics' -benchtime 50x -count 7 >old
"$PROGRAM" -bench 'Busy|Metrics' -benchtime 50x -count 7 >new
"$WEIR" benchstat old new >table
grep -qE '^Busy.* ± .* ± .*\(p=[01]\.[0-9]+ n=7\)' table || fail "$(cat table)"
grep -qE '^Metrics.*4\.000Ki ± 0% +4\.000Ki ± 0% +0\.00% \(n=7\)$' table || fail "$(cat table)"
"$PROGRAM" -bench Metrics -benchtime 50x | "$WEIR" benchstat -ignore pkg - >table
grep -q '^goos: linux$' table && ! grep -q '^pkg: ' table || fail "$(cat table)"

echo "memory: the peak is that of the benchmark, not of one before it; keys at the end of names"
LD_PRELOAD=$WEIR_MALLOC "$PROGRAM" -bench 'Memory|Ratio' -benchtime 20x -benchmem -keys alloc=weir,gogc=50 -cpu 1 >on
"$PROGRAM" -bench 'Memory|Ratio' -benchtime 20x -benchmem -keys alloc=libc -cpu 1 >off
for file in on off; do
    awk '/^BenchmarkMemory/ { for (i = 4; i <= NF; i++) if ($i == "peak-B") memory = $(i - 1)
                                                        else if ($i == "faults/op") faults = $(i - 1) }
         /^BenchmarkRatio/ { for (i = 4; i <= NF; i++) if ($i == "peak-B") ratio = $(i - 1) }
         END { exit !(memory >= 8388608 && memory < 20000000 && ratio < 4000000 && faults > 0) }' $file || fail "$(cat $file)"
    grep -q '^Unit peak-B better=lower$' $file || fail "$(cat $file)"
done
grep -qE '^BenchmarkMemory/alloc=weir/gogc=50[[:space:]].* B/op.* released-B/op.* gc-ns/op$' on || fail "$(cat on)"
! grep -q 'released-B/op$' <(grep ^Benchmark off) || fail "$(cat off)"
cat on off | "$WEIR" benchstat -col /alloc -row .name -ignore /gogc -filter '.unit:peak-B' - >table 2>err
grep -qE '│ +weir +│ +libc +│' table || fail "$(cat table)"
for keys in 'alloc' '=x' 'a=b c' 'a/b=c' ',a=b'; do
    ! "$PROGRAM" -keys "$keys" -bench Ratio >out 2>err || fail "takes -keys '$keys'"
done

echo "threads for each processor; a figure that is no number"
"$PROGRAM" -bench Parallelism -benchtime 100x -cpu 2 >out
grep -qE '^BenchmarkParallelism-2[[:space:]].*[[:space:]]6(\.000)? threads$' out || fail "$(cat out)"
"$PROGRAM" -bench Ratio -benchtime 10x >out
grep -qE '[[:space:]]NaN hit-rate$' out || fail "$(cat out)"

echo "benchstat: what is no number is said and left out; what is infinite is shown"
"$WEIR" benchstat out out >table 2>err
[ "$(grep -c 'is not a number' err)" = 2 ] && ! grep -qi nan table || fail "$(cat table err)"
for values in '5 NaN 6' 'NaN NaN NaN' '+Inf -Inf 3' 'inf inf inf' '-nan 0 -0' '1e308 1e308 -1e308' '0 0 0'; do
    for value in $values; do echo "BenchmarkX +7 $value ns/op $value x"; done >values
    for format in text csv; do
        "$WEIR" benchstat -format $format values on values >table 2>err || fail "$values: $(cat err)"
        ! grep -qi 'nan' table || fail "$values: $(cat table)"
    done
done
echo "BenchmarkX +7 5 ns/op
BenchmarkX 7.5 5 ns/op
BenchmarkX 99999999999999999999 5 ns/op" >counts
"$WEIR" benchstat counts >table 2>err
grep -q '^X ' table && [ "$(grep -c 'iteration count' err)" = 2 ] || fail "$(cat table err)"

echo "benchstat: time grows with the results, not with their square"
awk 'BEGIN { for (r = 0; r < 3; r++) for (i = 0; i < 30000; i++) print "BenchmarkN" i "/x=" i " 100 " i % 7 + r " ns/op" }' >many
(ulimit -t 10 && "$WEIR" benchstat -format csv many >table 2>err) || fail "30,000 names take more than 10 s"
(ulimit -t 10 && "$WEIR" benchstat -format csv -row .name -table /x -filter '/x:/99$/' many >table 2>err) || fail "as keys"

echo "benchstat: classes of characters in a regular expression, as in Go, in brackets too"
matches() {
    "$WEIR" benchstat -filter ".fullname:/$1/" names >table 2>err && [ "$(grep -c '^X/' table)" = "$2" ] || fail "$1: $(cat table err)"
}
printf 'Benchmark%s 100 5 ns/op\n' X/a=1 X/a=1.5 X/a=b_c X/a=] X/a=- 'X/a=\' X/a=é >names
matches 'a=\d$' 1
matches 'a=[\d.]+$' 2
matches 'a=\w+$' 2
matches 'a=[\w.]+$' 3
matches 'a=[^\d\]]' 4
matches 'a=[]\d]' 3
matches 'a=[\-\\]$' 2
matches '^X(?:\/a=[[:digit:]\]])$' 2

echo "benchstat: an expression that is none gets one line, and where"
for expression in a a: '(a:b' 'a:(b c)' 'a:/x' '"a' '"\q"' .config:x 'a:/(/' ')' 'a@' '-' 'a:b OR' '*)' 'a:/[/' 'a:/x/y'; do
    ! "$WEIR" benchstat -filter "$expression" on >out 2>err || fail "takes -filter '$expression'"
    [ "$(wc -l <err)" = 1 ] && grep -q 'at character' err || fail "$(cat err)"
done
for expression in .unit 'a@foo' 'a@(' 'a@()' '@' ,a 'a,,b' '.config@(x)' '(' 'a@(b'; do
    ! "$WEIR" benchstat -col "$expression" on >out 2>err || fail "takes -col '$expression'"
    [ "$(wc -l <err)" = 1 ] && grep -q 'at character' err || fail "$(cat err)"
done

echo "profile: without the library one line, and nothing runs"
if [[ $(ldconfig -p) != *libprofiler.so.0* ]]; then
    status=0
    "$PROGRAM" -cpuprofile cpu >out 2>err || status=$?
    [ "$status" = 1 ] && [ "$(wc -l <err)" = 1 ] && [ ! -s out ] || fail "status $status: $(cat out err)"
    echo "SKIPPED: gperftools' libprofiler is not installed"
    exit 77
fi
"$PROGRAM" -bench Busy -benchtime 500ms -cpuprofile cpu 2>/dev/null
test -s cpu
! "$PROGRAM" -bench Busy -benchtime 1x -cpuprofile no/such/folder/cpu >out 2>err || fail "written nowhere"
if ! command -v go >/dev/null; then
    echo "SKIPPED: go is not installed"
    exit 77
fi
HOME=$scratch go tool pprof -top "$PROGRAM" cpu >top 2>err || fail "$(cat err)"
awk '$NF == "busy_function" { found = 1; exit !($2 + 0 > 50) } END { exit !found }' top || fail "$(cat top)"
echo "the profile has busy_function on top"
