#!/usr/bin/env bash
# Everything at once, a little of it, in each mode; tools/storm does it for as long as one likes.
# Parts: manual hardened limited collected stressed signal profiled
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

storm() {
    passes "$1" "${@:3}" "$WEIR_PROGRAMS/storm" rounds="${ROUNDS:-2}" seed="$2"
    grep '^storm: PASS' "$SCRATCH/passes.out"
}

part_manual() {
    storm WEIR_GOGC=100 1
}
part_hardened() {
    storm WEIR_DEBUG=harden=1 2
}
part_limited() {
    storm WEIR_MEMLIMIT=16MiB 3 WEIR_GOGC=10
}

# What is dropped is collected; each marking is checked by a second tracer.
part_collected() {
    passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/storm" rounds=2 seed=4 drop=1
    passes WEIR_COLLECT=1 WEIR_GOGC=20 WEIR_DEBUG=gcverify=1,poison=1 "$WEIR_PROGRAMS/storm" rounds=2 seed=5 drop=1
}
part_stressed() {
    passes WEIR_COLLECT=1 WEIR_DEBUG=gcstress=1000,poison=1,gcverify=1 "$WEIR_PROGRAMS/storm" rounds=1 seed=6 drop=1
}

# A stop by signal may let waiting calls return early. A thread that ends has all signals blocked by the C library, and may wait for
# a stopped thread: then the collection is given up, with a line.
part_signal() {
    local said
    said=$(on_weir WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=signal "$WEIR_PROGRAMS/storm" rounds=1 seed=7 drop=1 \
        interrupted=1 2>&1) || fail "$said"
    said=$(grep -v -e '^storm: PASS' -e '^weir: no collection' <<<"$said") && fail "$said"
    return 0
}

# Many blocks are samples, and profiles are written meanwhile.
part_profiled() {
    local profile=("WEIR_PROFILE=$SCRATCH/storm-%p.pb.gz" WEIR_PROFILE_RATE=2048 WEIR_PROFILE_GROWTH=16MiB)
    passes "${profile[@]}" "$WEIR_PROGRAMS/storm" rounds=1 seed=8
    passes "${profile[@]}" WEIR_DEBUG=escape=1 "$WEIR_PROGRAMS/storm" rounds=1 seed=10
    passes "${profile[@]}" WEIR_COLLECT=1 WEIR_DEBUG=gcverify=1,poison=1 "$WEIR_PROGRAMS/storm" rounds=1 seed=9 drop=1
    gzip -t "$SCRATCH"/storm-*.pb.gz
    rm "$SCRATCH"/storm-*.pb.gz*
}

run_parts "$@"
