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
