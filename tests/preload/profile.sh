#!/usr/bin/env bash
# The heap profile, read by `go tool pprof`: exact at rate 1, true on average at others; at exit, at a signal, as the heap grows, at the
# soft limit, of children; and the places where it cannot be written.
# Beside what support.bash takes from the environment: WEIR, the command.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need go gzip
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
program=$WEIR_PROGRAMS/profiled
cd "$SCRATCH"
export HOME=$SCRATCH PPROF_TMPDIR=$SCRATCH

# flat INDEX FUNCTION FILE [OPTION...]: what pprof says is allocated in the function, in bytes or objects.
flat() {
    local index=$1 function=$2 file=$3
    shift 3
    go tool pprof -top -unit=bytes -nodefraction=0 -sample_index="$index" "$@" "$program" "$file" 2>/dev/null |
        awk -v function_name="$function" '$6 == function_name { sub(/B$/, "", $1); sub(/bytes$/, "", $1); print $1; found = 1 }
            END { if (!found) print 0 }'
}

# is WHAT EXPECTED FOUND
is() {
    [ "$2" = "$3" ] || fail "$1: expected $2, found $3"
}

echo "at rate 1 every block counts, with the size that it has"
on_weir WEIR_PROFILE=one.pb.gz WEIR_PROFILE_RATE=1 "$program" >out
is "what the program prints" "kept 20530" "$(<out)"
gzip -t one.pb.gz
is keep_small $((20000 * 112)) "$(flat inuse_space keep_small one.pb.gz)"
is "its blocks" 20000 "$(flat inuse_objects keep_small one.pb.gz)"
is keep_large $((20 * 1003520)) "$(flat inuse_space keep_large one.pb.gz)"
is keep_grown $((10 * 53248)) "$(flat inuse_space keep_grown one.pb.gz)"
is in_thread $((500 * 2048)) "$(flat inuse_space in_thread one.pb.gz)"
is "gone, in use" 0 "$(flat inuse_space gone one.pb.gz)"
is "gone, ever" $((100000 * 64)) "$(flat alloc_space gone one.pb.gz)"
is "gone, blocks ever" 100000 "$(flat alloc_objects gone one.pb.gz)"
is "lost to rounding is a label" 1 "$(go tool pprof -tags "$program" one.pb.gz 2>/dev/null | grep -c '^ *requested:')"
go tool pprof -raw "$program" one.pb.gz 2>/dev/null | grep 'stack:\[cut\]' >/dev/null && fail "a stack of the program is cut"

echo "the other commands of pprof"
go tool pprof -peek 'keep_small$' "$program" one.pb.gz 2>/dev/null | grep ' main$' >/dev/null || fail "main does not call keep_small"
on_weir WEIR_PROFILE=two.pb.gz WEIR_PROFILE_RATE=1 "$program" grow >/dev/null
is "the difference" $((64 << 20)) "$(flat inuse_space keep_growing two.pb.gz -diff_base=one.pb.gz)"
is "what did not change" 0 "$(flat inuse_space keep_small two.pb.gz -diff_base=one.pb.gz)"

go tool pprof -svg -output=pprof.svg "$program" one.pb.gz 2>err || grep -q 'dot' err || fail "$(<err)"
if [ -e pprof.svg ]; then
    grep -q '>keep_small<' pprof.svg || fail "pprof's picture has no keep_small"
else
    echo "SKIPPED: pprof -svg: graphviz is not installed"
fi

# The sum of n samples of a Poisson process has a relative standard error of 1/sqrt(n): here, in 20 runs of 17 samples,
# 5.4 %. The result is off by more than five standard errors once in two million tests.
echo "sampled, the mean of 20 runs is what it is"
sum=0
for run in $(seq 20); do
    on_weir WEIR_PROFILE=run.pb.gz WEIR_PROFILE_RATE=128KiB "$program" >/dev/null
    sum=$((sum + $(flat inuse_space keep_small run.pb.gz)))
done
mean=$((sum / 20)) expected=$((20000 * 112))
[ "$mean" -gt $((expected * 73 / 100)) ] && [ "$mean" -lt $((expected * 127 / 100)) ] ||
    fail "mean $mean, expected $expected"

echo "by the command"
"$WEIR" run --profile --profile-rate=1 -- "$program" >/dev/null
is "the default name" $((20000 * 112)) "$(flat inuse_space keep_small weir-*.pb.gz)"
"$WEIR" run --profile=by-name.pb.gz --profile-rate 1 "$program" >/dev/null
is "a name" $((20000 * 112)) "$(flat inuse_space keep_small by-name.pb.gz)"

# reported FUNCTION COLUMN FILE [OPTION...]: what weir report says in that column of that function's row.
reported() {
    local function=$1 column=$2 file=$3
    shift 3
    "$WEIR" report "$@" "$file" | awk -v name="$function" -v column="$column" '$NF == name { print $column, $(column + 1) }'
}
if "$WEIR" report one.pb.gz >report 2>err; then
    echo "weir report"
    is "its rows of keep_small" "2.1 MiB" "$(reported keep_small 1 one.pb.gz)"
    is "lost to rounding" "234.4 KiB" "$(awk '$NF == "keep_small" { print $8, $9 }' report)"
    is "the names" 1 "$(grep -c '100.0 % of it in functions with a name, 0.0 % with a stack that is cut' report)"
    is "blocks" 100000 "$("$WEIR" report --index=alloc_objects one.pb.gz | awk '$NF == "gone" { print $1 }')"
    "$WEIR" report --peek=keep_small one.pb.gz | grep '| main$' >/dev/null || fail "main is no caller of keep_small"
    is "the tree: main above keep_large" "main keep_large" "$("$WEIR" report --tree one.pb.gz |
        awk '$NF == "main" || $NF == "keep_large" { print $NF }' | paste -sd ' ')"
    is "the difference" "64.0 MiB" "$(reported keep_growing 1 two.pb.gz --base=one.pb.gz)"
    in_use() { "$WEIR" report --lifetimes one.pb.gz | awk -v name="$1" '$NF == name { print $11 }'; }
    is "still in use, of gone" 0% "$(in_use gone)"
    is "still in use, of keep_small" 100% "$(in_use keep_small)"
    "$WEIR" report --svg=flame.svg one.pb.gz
    "${PYTHON:-python3}" - <<'END' || fail "the flame graph"
import xml.etree.ElementTree as tree
boxes = [group.find("{*}title").text for group in tree.parse("flame.svg").iter("{http://www.w3.org/2000/svg}g")]
assert any(title.startswith("keep_large: ") for title in boxes), boxes
END
    echo "with names, for readers that have none of the program's files"
    cp "$program" moved
    on_weir WEIR_PROFILE=moved.pb.gz WEIR_PROFILE_RATE=1 ./moved >/dev/null
    "$WEIR" report --named=named.pb.gz moved.pb.gz
    mv moved gone-away
    is "without the file, nobody knows" 0 "$("$WEIR" report moved.pb.gz | grep -c 'keep_small$' || true)"
    is "weir report" "2.1 MiB" "$(reported keep_small 1 named.pb.gz)"
    is "labels are passed on" 100% "$("$WEIR" report --lifetimes named.pb.gz | awk '$NF == "keep_small" { print $11 }')"
    "$WEIR" report --named=twice.pb.gz named.pb.gz
    for file in named twice; do
        is "pprof, of $file" $((20000 * 112)) "$(go tool pprof -top -unit=bytes -nodefraction=0 $file.pb.gz 2>/dev/null |
            awk '$6 == "keep_small" { sub(/B$/, "", $1); print $1 }')"
    done
    line=$(grep -n 'keep(malloc(100))' "$SOURCES/tests/programs/profiled.c" | cut -d: -f1)
    go tool pprof -top -lines -nodefraction=0 named.pb.gz 2>/dev/null | grep "keep_small .*profiled.c:$line" >/dev/null ||
        fail "no line"
    "$WEIR" report --named="$SCRATCH/none/x" named.pb.gz 2>err && fail "written nowhere"
    grep -q '^weir report: .*/none/x: No such file' err || fail "$(<err)"
    if command -v objcopy >/dev/null; then
        id=$(readelf -n "$program" | sed -n 's/.*Build ID: //p')
        mkdir -p "debug/.build-id/${id:0:2}"
        objcopy --only-keep-debug "$program" "debug/.build-id/${id:0:2}/${id:2}.debug"
        strip -o moved "$program"
        is "stripped, nobody knows" 0 "$("$WEIR" report moved.pb.gz | grep -c 'keep_small$' || true)"
        is "by --debug-path" "2.1 MiB" "$(reported keep_small 1 moved.pb.gz --debug-path=debug)"
    fi
    status=0
    head -c 200 one.pb.gz >damaged
    "$WEIR" report damaged >out 2>err || status=$?
    is "a damaged file" 1 "$status"
    grep -q '^weir report: damaged: ' err || fail "$(<err)"
    echo text >damaged
    "$WEIR" report damaged >out 2>err && fail "a text is a profile"
    grep -q '^weir report: damaged: is ' err || fail "$(<err)"
else
    grep -q 'built without elfutils' err || fail "$(<err)"
    echo "SKIPPED: weir report was left out of this build"
fi

echo "as the heap grows"
on_weir WEIR_PROFILE=grown-%n.pb.gz WEIR_PROFILE_GROWTH=16MiB WEIR_PROFILE_RATE=64KiB "$program" grow >/dev/null
[ "$(ls grown-*.pb.gz | wc -l)" -ge 4 ] || fail "$(ls)"
gzip -t grown-*.pb.gz

echo "a program that never returns from main has its last snapshot"
on_weir WEIR_PROFILE=last.pb.gz WEIR_PROFILE_GROWTH=1MiB WEIR_PROFILE_RATE=64KiB "$program" exit
gzip -t last.pb.gz
status=0
on_weir WEIR_PROFILE=aborted.pb.gz WEIR_PROFILE_GROWTH=1MiB WEIR_PROFILE_RATE=64KiB "$program" abort 2>/dev/null || status=$?
is "the status of abort" 134 "$status"
gzip -t aborted.pb.gz

echo "when the soft limit is first passed"
on_weir WEIR_PROFILE=limit-%n.pb.gz WEIR_MEMLIMIT=32MiB WEIR_PROFILE_RATE=64KiB "$program" grow >/dev/null
is "profiles" 2 "$(ls limit-*.pb.gz | wc -l)"
space=$(flat inuse_space keep_growing limit-0.pb.gz)
[ "$space" -gt 0 ] && [ "$space" -lt $((64 << 20)) ] || fail "at the limit: $space"

echo "of children"
on_weir WEIR_PROFILE=family.pb.gz WEIR_PROFILE_RATE=1 "$program" fork >/dev/null
is "the parent's" 0 "$(flat inuse_space keep_in_child family.pb.gz)"
is "the child's" $((1000 * 3072)) "$(flat inuse_space keep_in_child family.pb.gz.[0-9]*)"
is "what the child has from its parent" $((20000 * 112)) "$(flat inuse_space keep_small family.pb.gz.[0-9]*)"

echo "at a signal"
mkfifo lines
on_weir WEIR_PROFILE=signal-%n.pb.gz WEIR_PROFILE_RATE=1 WEIR_DEBUG=profilesignal=10 "$program" sleep <lines >said &
waited_for=$!
exec 8>lines
until grep -q ready said; do sleep 0.02; done
kill -USR1 "$(sed -n 's/^ready //p' said)"
until [ -s signal-0.pb.gz ]; do sleep 0.02; done
is "in use at the signal" $((20000 * 112)) "$(flat inuse_space keep_small signal-0.pb.gz)"
exec 8>&-
wait "$waited_for"

# refused FILE [NAME=VALUE...]: one line, and the program runs on.
refused() {
    local file=$1
    shift
    on_weir WEIR_PROFILE="$file" "$@" "$program" >out 2>err || fail "status $?"
    is "what the program prints" "kept 20530" "$(<out)"
    is "lines" 1 "$(wc -l <err)"
    grep -q '^weir: no heap profile: ' err || fail "$(<err)"
}
echo "where it cannot be written"
refused "$SCRATCH/none/x.pb.gz"
refused "$SCRATCH/$(printf 'x%.0s' $(seq 300))"
if mkdir small && mount -t tmpfs -o size=4k none small 2>/dev/null; then
    at_end "umount '$SCRATCH/small'"
    head -c 4096 /dev/zero >small/full
    refused small/x.pb.gz WEIR_PROFILE_RATE=1
    is "files left" full "$(ls small)"
fi
on_weir WEIR_PROFILE="$SCRATCH/none/x.pb.gz" "$program" closed >out 2>err
is "what the program prints" "kept 20530" "$(<out)"
refused "$SCRATCH/none/x.pb.gz" WEIR_PROFILE_GROWTH=1MiB WEIR_PROFILE_RATE=64KiB # one line, however often it fails
(
    ulimit -f 1
    refused "$SCRATCH/large.pb.gz" WEIR_PROFILE_RATE=1
)
[ -z "$(ls large.* 2>/dev/null)" ] || fail "$(ls)"
on_weir WEIR_PROFILE="$SCRATCH/no-streams.pb.gz" WEIR_PROFILE_RATE=1 "$program" <&- >&- 2>&-
is "without standard streams" $((20000 * 112)) "$(flat inuse_space keep_small no-streams.pb.gz)"

echo "a program that leaves at once writes nothing"
on_weir WEIR_PROFILE=early.pb.gz "$program" exit
status=0
on_weir WEIR_PROFILE=early.pb.gz "$program" abort 2>/dev/null || status=$?
is "the status of abort" 134 "$status"
[ -z "$(ls early.* 2>/dev/null)" ] || fail "$(ls)"

echo "children of fork while a thread writes one"
mkdir forks
on_weir WEIR_PROFILE=forks/%p.pb.gz WEIR_PROFILE_RATE=4KiB "$program" forks >out
is "what the program prints" "kept 20530" "$(<out)"
is "profiles" 41 "$(ls forks | wc -l)"
gzip -t forks/*.pb.gz
for file in forks/*; do
    [ "$(flat inuse_space keep_small "$file")" -gt 0 ] || fail "$file is not whole"
done

echo "a thread is cancelled while it writes one"
on_weir WEIR_PROFILE=cancels.pb.gz WEIR_PROFILE_RATE=1 "$program" cancels >out
is "at the end" $((1000 * 3072)) "$(flat inuse_space keep_in_child cancels.pb.gz)"

echo "in another root"
mkdir -p root/empty "root/new$SCRATCH"
status=0
on_weir WEIR_PROFILE="$SCRATCH/root.pb.gz" WEIR_PROFILE_RATE=1 "$program" root "$SCRATCH/root/empty" >out 2>err || status=$?
if [ "$status" = 77 ]; then
    echo "SKIPPED: it takes root"
else
    is "the status" 0 "$status"
    is "what the program prints" "kept 20530" "$(<out)"
    is "lines" 1 "$(wc -l <err)"
    grep -q '^weir: no heap profile: .*No such file' err || fail "$(<err)"
    on_weir WEIR_PROFILE="$SCRATCH/root.pb.gz" WEIR_PROFILE_RATE=1 "$program" root "$SCRATCH/root/new" >out 2>err
    is "named as ever" $((20000 * 112)) "$(flat inuse_space keep_small "root/new$SCRATCH/root.pb.gz")"
fi

echo "where a filter of system calls kills for writing it"
for how in prctl trap errno; do
    for mode in alone threads signal; do
        status=0
        on_weir WEIR_PROFILE="$SCRATCH/locked.pb.gz" WEIR_PROFILE_RATE=4KiB WEIR_PROFILE_GROWTH=1MiB \
            "$WEIR_PROGRAMS/locked-in" $how $mode 2>err || status=$?
        [ "$status" != 77 ] || break 2
        is "the status of $how $mode" 0 "$status"
        # It leaves by _exit: there is no line if no profile was due since it was locked in.
        [ "$mode" != alone ] && [ ! -s err ] ||
            is "its lines" "weir: no heap profile: $SCRATCH/locked.pb.gz: Operation not permitted" "$(<err)"
    done
done
echo "in collect mode what the collector has freed is in use no more"
program=$WEIR_PROGRAMS/garbage
on_weir WEIR_PROFILE=garbage.pb.gz WEIR_PROFILE_RATE=1 WEIR_COLLECT=1 WEIR_DEBUG=stats=json WEIR_STATS_FILE=account \
    "$program" >out
is "what the program prints" "done" "$(<out)"
is keep_list $((20000 * 112)) "$(flat inuse_space keep_list garbage.pb.gz)"
is keep_large $((20 * 1003520)) "$(flat inuse_space keep_large garbage.pb.gz)"
is "freed by hand" 0 "$(flat inuse_space give_back garbage.pb.gz)"
is "lost, ever" $((400000 * 112)) "$(flat alloc_space lose_small garbage.pb.gz)"
is "lost and large, ever" $((800 * 303104)) "$(flat alloc_space lose_large garbage.pb.gz)"
[ "$(flat inuse_space lose_small garbage.pb.gz)" -lt $((400000 * 112 / 3)) ] || fail "lost blocks are in use"
[ "$(flat inuse_space lose_large garbage.pb.gz)" -lt $((800 * 303104 / 3)) ] || fail "lost large blocks are in use"
total=$(go tool pprof -top -unit=bytes -nodefraction=0 "$program" garbage.pb.gz 2>/dev/null |
    sed -n 's/.* of \([0-9]*\)B total$/\1/p')
is "all in use, by the account and by the profile" "$(sed 's/.*"heap_alloc": \([0-9]*\).*/\1/' account)" "$total"
program=$WEIR_PROGRAMS/profiled
echo "not together with leak reports"
on_weir WEIR_PROFILE=never.pb.gz WEIR_DEBUG=leaks=1 "$program" >out 2>err
grep -q 'not together with WEIR_DEBUG=leaks=1' err || fail "$(<err)"
[ ! -e never.pb.gz ] || fail "a profile"
[ -z "$(ls -- *.part.* 2>/dev/null)" ] || fail "a part is left: $(ls)"
