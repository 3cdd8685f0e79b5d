#!/usr/bin/env bash
# Collect mode: what is reachable is kept, wherever its pointers are; what is not is freed, under a limit too. The real
# programs' tests run under it as well (SETTINGS).
# Beside what support.bash takes from the environment: WEIR, the command.
# Parts: keeps excluded fork leaks threads linker kernel beside
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"

"$CC" -shared -fPIC -O1 "$SOURCES/tests/programs/plugin/held.c" -o "$SCRATCH/held.so"

part_keeps() {
    local debug
    for debug in gctrace=0 gcverify=1,poison=1 gcstress=5000,poison=1; do
        passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=$debug "$WEIR_PROGRAMS/keeps" "$SCRATCH/held.so"
        passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=$debug "$WEIR_PROGRAMS/ends"
    done
    passes WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1 "$WEIR_PROGRAMS/boundary"
}

# excluded EXPECTED NAME=VALUE...: which blocks hides-main finds whole ("hidden", "small"), with and without the second tracer.
excluded() {
    local expected=$1 debug said
    shift
    for debug in poison=1 gcverify=1,poison=1 gcstress=2000,poison=1; do
        said=$(on_weir WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=$debug "$@" "$SCRATCH/hides-main") || said="status $?"
        [ "$said" = "$expected" ] || fail "$* $debug: \"$said\", expected \"$expected\""
    done
}

# Rules that exclude blocks: WEIR_KEEP keeps hidden blocks; a block that only blocks of WEIR_NOSCAN point to is freed.
part_excluded() {
    local said
    "$CC" -shared -fPIC -O1 -fno-builtin "$SOURCES/tests/programs/plugin/hides.c" -o "$SCRATCH/libhides.so.1"
    "$CC" -O1 -fno-builtin "$SOURCES/tests/programs/plugin/hides-main.c" -o "$SCRATCH/hides-main" "$SCRATCH/libhides.so.1"
    excluded 'hidden small' WEIR_KEEP=libhides.so
    excluded 'hidden small' WEIR_KEEP=libother.so,64,24
    excluded 'hidden small' WEIR_KEEP=1-
    excluded 'hidden -' WEIR_KEEP=libhides WEIR_NOSCAN=64KiB-
    excluded 'hidden -' WEIR_KEEP=libhides WEIR_NOSCAN=hides-main
    excluded 'hidden small' WEIR_KEEP=libhides,100000 WEIR_NOSCAN=hides-main
    said=$(on_weir WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=poison=1 WEIR_NOSCAN=libhides "$SCRATCH/hides-main" || true)
    [ "$said" != 'hidden small' ] || fail "nothing was hidden"
    "$CC" -O1 -fno-builtin "$SOURCES/tests/programs/plugin/resizes.c" -o "$SCRATCH/resizes"
    said=$(on_weir WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=poison=1 WEIR_KEEP=3060 WEIR_NOSCAN=64KiB- "$SCRATCH/resizes")
    [ "$said" = 'hidden small' ] || fail "resized across the bounds of rules: \"$said\""
    passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_KEEP=keeps,48-,libc WEIR_DEBUG=poison=1 "$WEIR_PROGRAMS/keeps" \
        "$SCRATCH/held.so"
    passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_KEEP=1KiB- WEIR_DEBUG=gcverify=1,poison=1 "$WEIR_PROGRAMS/keeps" \
        "$SCRATCH/held.so"
}

part_fork() {
    passes WEIR_COLLECT=1 WEIR_GOGC=10 WEIR_KEEP=fork-storm "$WEIR_PROGRAMS/fork-storm"
    passes WEIR_COLLECT=1 WEIR_GOGC=10 "$WEIR_PROGRAMS/fork-storm"
}

# A gigabyte is leaked under a limit of 100 MiB. If no file descriptor is left, the roots cannot be read: everything is kept.
part_leaks() {
    local peak plain
    passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/leaks-much"
    peak=$(on_weir WEIR_COLLECT=1 WEIR_MEMLIMIT=100MiB "$WEIR_PROGRAMS/leaks-much")
    ((peak < 103 * 1024)) || fail "$peak KiB"
    peak=$("$WEIR" run --collect --gogc off --memlimit 100MiB -- "$WEIR_PROGRAMS/leaks-much")
    ((peak < 103 * 1024)) || fail "$peak KiB with GOGC off"
    plain=$(on_weir "$WEIR_PROGRAMS/leaks-much")
    ((plain > 900 * 1024)) || fail "without collecting it should have leaked: $plain KiB"
    on_weir WEIR_COLLECT=1 "$WEIR_PROGRAMS/leaks-much" blind >"$SCRATCH/out" 2>"$SCRATCH/err"
    (($(cat "$SCRATCH/out") > 900 * 1024)) || fail "collected without roots"
    [ "$(grep -c 'nothing is collected' "$SCRATCH/err")" = 1 ] || fail "$(cat "$SCRATCH/err")"
    peak=$(on_weir WEIR_COLLECT=1 "$WEIR_PROGRAMS/leaks-much" blind 500)
    ((peak > 500 * 1024)) || fail "$peak KiB: collected without roots"
}

# Threads that end in any order, keys, exits in destructors, signals.
part_threads() {
    local program
    for program in thread-exit thread-local short-threads many-keys operators zero-again; do
        passes WEIR_COLLECT=1 WEIR_GOGC=10 "$WEIR_PROGRAMS/$program"
    done
    passes WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1,gcstress=500,poison=1 "$WEIR_PROGRAMS/starts"
    passes WEIR_COLLECT=1 WEIR_DEBUG=gcstress=1000,poison=1 "$WEIR_PROGRAMS/timers"
}

# A thread that holds a lock of the C library's waits for the collector: so the collector must not wait for that lock.
part_linker() {
    passes WEIR_COLLECT=1 WEIR_GOGC=20 "$WEIR_PROGRAMS/linker-lock"
    passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=gcconcurrent=always "$WEIR_PROGRAMS/linker-lock"
    passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=stop=signal "$WEIR_PROGRAMS/linker-lock"
}

# A kernel without PAGEMAP_SCAN; hardening.
part_kernel() {
    passes WEIR_COLLECT=1 WEIR_GOGC=20 "$WEIR_PROGRAMS/deny" ioctl "$WEIR_PROGRAMS/keeps" "$SCRATCH/held.so"
    on_weir WEIR_COLLECT=1 WEIR_DEBUG=harden=1 "$WEIR_PROGRAMS/zero-again" 2>"$SCRATCH/err"
    [ "$(cat "$SCRATCH/err")" = "weir: WEIR_COLLECT=1: not together with harden=1; nothing is collected" ] ||
        fail "$(cat "$SCRATCH/err")"
}

# beside COMMAND...: it passes when each marking runs beside it, with delays.
beside() {
    passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=gcconcurrent=always,gcjitter=100,poison=1 "$@"
}

# where_to_be_had PROGRAM: the same, unless the kernel refuses what the program needs.
where_to_be_had() {
    local status=0
    "$WEIR_PROGRAMS/$1" || status=$?
    [ $status = 77 ] && echo "left out: $1" || beside "$WEIR_PROGRAMS/$1"
}

# Marking beside the program. Where the kernel has pinned memory, nothing is marked beside it: what is written there is not known.
part_beside() {
    local said peak
    beside "$WEIR_PROGRAMS/keeps" "$SCRATCH/held.so"
    beside "$WEIR_PROGRAMS/remaps"
    passes WEIR_COLLECT=1 WEIR_DEBUG=gcconcurrent=always,gcverify=1,poison=1 "$WEIR_PROGRAMS/remaps" 20
    beside "$WEIR_PROGRAMS/ends"
    beside "$WEIR_PROGRAMS/starts"
    beside "$WEIR_PROGRAMS/thread-exit"
    beside "$WEIR_PROGRAMS/halted" exec 10
    beside "$WEIR_PROGRAMS/halted" vfork-malloc
    peak=$(on_weir WEIR_COLLECT=1 WEIR_DEBUG=gcconcurrent=always "$WEIR_PROGRAMS/leaks-much" blind 500 2>/dev/null)
    ((peak > 500 * 1024)) || fail "$peak KiB: collected without roots"
    where_to_be_had own-faults
    where_to_be_had pinned
    said=$(on_weir WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=gcconcurrent=always,gctrace=1 "$WEIR_PROGRAMS/pinned" 2>&1) || true
    ! grep -q 'beside the program' <<<"$said" || fail "beside pinned memory: ${said:0:300}"
    passes WEIR_COLLECT=1 WEIR_HARDLIMIT=400MiB WEIR_DEBUG=gcconcurrent=always,gcjitter=100 "$WEIR_PROGRAMS/grows-full" 300 1024
}

run_parts "$@"
