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

echo "pools and arenas: beside what is installed, in C and in Go"
"$SOURCE/tools/bench" pool --build "$BUILD" --bench 'Pair/make=(nothing|4KiB)' --count 1 --benchtime 100x \
    --markdown pool.md >table 2>err || fail "$(cat err)"
grep -qE '^ +pool +glibc .* weir' table || fail "$(cat table)"
for name in Pair/make=nothing Pair/make=4KiB; do
    grep -qE "^$name(-[0-9]+)? +[0-9.]+ (n|µ)s ±∞( +[0-9.]+~)+$" table || fail "$name: $(cat table)"
done
"$SOURCE/tools/bench" arena --build "$BUILD" --bench '(Alloc|Tree)/(size=16|nodes=64K)' --count 1 \
    --benchtime 10x >table 2>err || fail "$(cat err)"
grep -qE '^ +arena +glibc .* weir +obstack' table || fail "$(cat table)"
for name in Alloc/size=16 Tree/nodes=64K/drop=end Tree/nodes=64K/drop=clear; do
    grep -qE "^$name(-[0-9]+)? +[0-9.]+ (n|µ|m)?s ±∞( +[0-9.]+~)+" table || fail "$name: $(cat table)"
done
if command -v go >/dev/null; then
    grep -q 'sync.Pool' pool.md && grep -qE ' go$' table || fail "no Go: $(cat table)"
fi

echo "a report takes a family's table"
printf '<!-- begin pool -->\n<!-- end pool -->\n' >document.md
"$SOURCE/bench/report" --family pool=pool.md document.md >out || fail "$(cat out)"
grep -q '^| Pair/make=4KiB' document.md || fail "$(cat document.md)"

echo "security programs: counted by what comes of them"
mkdir -p public/bench/security
cat >public/bench/security/twice.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    char *volatile p = malloc(ALLOCATION_SIZE);
    free(p);
    free(p);
    puts("NOT_CAUGHT");
}
END
cat >public/bench/security/nothing.cc <<'END'
#include <cstdio>
int main() { std::puts("NOT_CAUGHT"); }
END
"$SOURCE/bench/security" public --weir "$WEIR_MALLOC" >table 2>err || fail "$(cat err)"
grep -q '^4 programs' table || fail "$(cat table)"
for row in 'weir +3 +0 +1' 'weir, harden=1 +3 +0 +1'; do
    grep -qE "^$row\$" table || fail "$row: $(cat table)"
done
[ "$(grep -c '^    nothing$' table)" = 2 ] || fail "$(cat table)"
! "$SOURCE/bench/security" . --weir "$WEIR_MALLOC" 2>err >out || fail "$(cat out)"
grep -q 'no programs there' err || fail "$(cat err)"

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
