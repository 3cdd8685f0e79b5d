#!/usr/bin/env bash
# tools/bench: a table with a row per benchmark and a column per library, a picture, the results themselves.
# From the environment: SOURCE, BUILD (with the benchmark programs in it), WEIR.
set -euo pipefail
: "${SOURCE:?}" "${BUILD:?}" "${WEIR:?}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
    echo "$*" >&2
    exit 1
}

echo "a table: the libraries in its head, a time and ratios in each row"
"$SOURCE/tools/bench" malloc --build "$BUILD" --bench '[Pp]air/size=(16|4096)' --count 2 --benchtime 100x \
    --keep results --markdown table.md >table 2>err || fail "$(cat err)"
grep -qE '^ +glibc .* weir$' table || fail "$(cat table)"
for name in Pair/size=16 Pair/size=4096 Parallel_pair/size=16 Parallel_pair/size=4096; do
    grep -qE "^$name(-[0-9]+)? +[0-9.]+ (n|µ)s ±∞( +[0-9.]+~)+$" table || fail "$name: $(cat table)"
done
[ "$(grep -cE '^\| (Pair|Parallel_pair)/size=' table.md)" = 4 ] || fail "$(cat table.md)"
grep -qE '^geometric mean +1\.00( +[0-9.]+)+$' table || fail "$(cat table)"

echo "results in Go's format, two of each under each library"
for library in glibc weir; do
    [ "$(grep -c '^BenchmarkPair/size=16' "results/$library.txt")" = 2 ] || fail "$(cat "results/$library.txt")"
done
"$WEIR" benchstat results/glibc.txt results/weir.txt >summary
grep -q '^geomean' summary || fail "benchstat has no summary"

echo "bad usage"
! "$SOURCE/tools/bench" walk 2>err || fail "walks"
! "$SOURCE/tools/bench" malloc --build "$BUILD" --bench Nothing --count 1 2>err >out || fail "$(cat out)"
grep -q 'no results to summarise' err || fail "$(cat err)"

if ! command -v gnuplot >/dev/null; then
    echo "SKIPPED: gnuplot is not installed"
    exit 77
fi
"$SOURCE/tools/bench" malloc --build "$BUILD" --bench '^BenchmarkPair/size=16$' --count 1 --benchtime 100x \
    --svg picture.svg >table 2>err || fail "$(cat err)"
grep -q '</svg>' picture.svg && grep -q 'Pair/size=16' picture.svg || fail "no picture"
