#!/usr/bin/env bash
# The command when memory runs out: limits of address space, of which the lowest do not let it start and the highest
# are enough. Under each limit each part of the command ends by itself, with a status and at most a line, and never by
# a signal.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
cd "$SCRATCH"
for i in 1 2 3 4 5 6 7 8; do
    for name in 1 2 3 4 5 6 7 8 9; do echo "BenchmarkN$name/x=$i 100 $i.5 ns/op $name B/op"; done
done >results

# ends LIMIT COMMAND...: under a limit of so many KiB. What the loader cannot start is not the command's to report.
done_well=0
ends() {
    local limit=$1 status=0
    shift
    (ulimit -v "$limit" && exec "$@") >out 2>err || status=$?
    ! grep -qE 'error while loading shared libraries|cannot create|out of memory.*ld.so|failed to map|cannot allocate' err || return 0
    [ "$status" -le 127 ] || fail "$limit KiB: status $status: $*: $(<err)"
    [ "$(wc -l <err)" -le 20 ] || fail "$limit KiB: $(head -n 30 err)"
    [ "$status" != 0 ] || done_well=$((done_well + 1))
}

for limit in 1000 1500 2000 2200 2400 2500 2600 2700 2800 2900 3000 3200 3600 4000 5000 6000 8000 12000 20000 40000 400000; do
    ends $limit "$WEIR" --version
    ends $limit "$WEIR" help run
    ends $limit "$WEIR" env
    ends $limit "$WEIR" benchstat results results
    ends $limit "$WEIR" benchstat -col /x -row .name -filter '.unit:(ns/op OR B/op)' results
    ends $limit "$WEIR" run --gogc 50 -- true
done
[ $done_well -ge 12 ] || fail "only $done_well calls did what they should"
echo "$done_well calls had enough"
