#!/usr/bin/env bash
# WEIR_BUDGET limits what one library may hold, and nothing else; the budget is in the account and in the profile.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

"$CC" -O1 -fPIC -shared -fno-builtin -o "$SCRATCH/libbudgeted.so" "$WEIR_SOURCE/tests/programs/plugin/budgeted.c"
passes WEIR_BUDGET=libbudgeted.so:1MiB "$WEIR_PROGRAMS/budgeted" "$SCRATCH/libbudgeted.so"
passes WEIR_BUDGET=libother.so:1KiB,libbudgeted:1MiB WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB "$WEIR_PROGRAMS/budgeted" \
    "$SCRATCH/libbudgeted.so"
passes WEIR_BUDGET=libbudgeted.so:1MiB WEIR_DEBUG=verify=1 "$WEIR_PROGRAMS/budgeted" "$SCRATCH/libbudgeted.so"

echo "in the account: two turns of three ways are refused twice each, once in the program and once in its thread"
said=$(on_weir WEIR_BUDGET=libbudgeted.so:1MiB WEIR_DEBUG=stats=1 "$WEIR_PROGRAMS/budgeted" "$SCRATCH/libbudgeted.so" 2>&1)
line='  budget "libbudgeted.so": holds 0 B, peak [0-9.]* [KM]iB, limit 1.0 MiB \(refused 24\); [0-9]* blocks ever'
grep -Eq "$line" <<<"$said" || fail "$said"
said=$(on_weir WEIR_BUDGET=libbudgeted.so:1MiB WEIR_DEBUG=stats=json "$WEIR_PROGRAMS/budgeted" "$SCRATCH/libbudgeted.so" 2>&1)
grep -q '"budgets": \[{"name": "libbudgeted.so", "limit": 1048576, "held": 0, ' <<<"$said" || fail "$said"

echo "in the profile, as a label"
on_weir WEIR_BUDGET=libbudgeted.so:1MiB WEIR_PROFILE="$SCRATCH/%p.pb.gz" WEIR_PROFILE_RATE=1 "$WEIR_PROGRAMS/budgeted" \
    "$SCRATCH/libbudgeted.so"
for profile in "$SCRATCH"/*.pb.gz; do
    said=$("$WEIR" report --owners --index=alloc_space "$profile" 2>&1) || fail "$said"
    grep -q 'budget *"*libbudgeted.so' <<<"$said" || fail "$said"
done

echo "what is no budget"
for wrong in libz.so libz.so: libz.so:x :1MiB 5:1MiB libz.so:1MiB,; do
    said=$(on_weir WEIR_BUDGET="$wrong" true 2>&1)
    if [ "$wrong" = libz.so:1MiB, ]; then
        [ -z "$said" ] || fail "$said"
    else
        grep -q "WEIR_BUDGET" <<<"$said" || fail "$wrong: $said"
    fi
done

echo "what cannot be had is said in one line, and the program runs"
many=$(seq -f 'lib%g.so:1MiB' -s, 300)
said=$(on_weir WEIR_BUDGET="$many" true 2>&1)
[ "$said" = "weir: WEIR_BUDGET names more than 256 libraries; the rest have no budget" ] || fail "$said"
said=$(on_weir WEIR_BUDGET=libz.so:1MiB WEIR_DEBUG=harden=1 true 2>&1)
[ "$said" = "weir: WEIR_BUDGET has no effect with harden=1" ] || fail "$said"
