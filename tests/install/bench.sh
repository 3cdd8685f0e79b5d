#!/bin/sh
# weir bench runs from an installed tree that was moved, far from the sources; weir benchstat reads what it keeps. What is bad
# gets one line.
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
test -x "$PREFIX/libexec/weir/bench/malloc" || {
    echo "SKIPPED: built without the benchmarks"
    exit 77
}
cp -a "$PREFIX" "$scratch/moved"
cd "$scratch"
unset LD_LIBRARY_PATH
mkdir tmp
export TMPDIR="$scratch/tmp"
weir=$scratch/moved/bin/weir

for family in pool arena malloc; do
    case $family in
    pool) match='Pair/make=nothing' columns='pool glibc weir' ;;
    arena) match='Alloc/size=16' columns='arena glibc weir obstack' ;;
    malloc) match='Pair/size=64' columns='glibc weir' ;;
    esac
    "$weir" bench "$family" --count 1 --benchtime 10x --bench "$match" --keep "$family" >table 2>err || fail "$family: $(cat table err)"
    for column in $columns; do
        grep -q "$column" table || fail "$family: no column $column: $(cat table)"
        grep -q '^Benchmark' "$family/$column.txt" || fail "$family: no results under $column"
    done
    "$weir" benchstat "$family/glibc.txt" >read && grep -q 'sec/op' read || fail "weir benchstat does not read it"
done

"$weir" bench malloc --count 2 --keep own -- sh -c 'exit 0' >table 2>err || fail "$(cat table err)"
for unit in sec/op cpu-sec/op peak-RSS-bytes average-RSS-bytes; do
    grep -q "$unit" table || fail "no $unit: $(cat table)"
done
test "$(grep -c '^BenchmarkSh 1 ' own/weir.txt)" = 2 || fail "$(cat own/weir.txt)"

# refused STATUS ARGUMENT...
refused() {
    wanted=$1
    shift
    status=0
    "$weir" bench "$@" >out 2>err || status=$?
    test "$status" = "$wanted" && test "$(grep -vc 'not installed: left out' err)" = 1 || fail "weir bench $*: $status, $(cat out err)"
}
refused 2
refused 2 nothing
refused 2 pool --count 0
refused 2 pool --odd
refused 2 pool -- true
refused 2 malloc --
refused 2 malloc true
refused 125 malloc --count 1 -- false
refused 125 malloc --count 1 -- "$scratch/nothing"
refused 125 pool --count 1 --keep /proc/nothing
test -z "$(ls tmp)" || fail "left behind: $(ls tmp)"
