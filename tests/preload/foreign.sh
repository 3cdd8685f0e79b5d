#!/usr/bin/env bash
# Memory of other allocators given to free, realloc and malloc_usable_size: never a crash; passed on where the owner
# is known, one line each where it is not.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for kind in libc mapped private static; do
    status=0
    on_weir "$WEIR_PROGRAMS/foreign" "$kind" >"$SCRATCH/out" 2>"$SCRATCH/err" || status=$?
    [ "$status" = 0 ] || fail "foreign $kind: status $status: $(tail -n 3 "$SCRATCH/err")"
    ! grep -qv '^weir: .*0x[0-9a-f]' "$SCRATCH/err" || fail "foreign $kind: a line without an address: $(cat "$SCRATCH/err")"
    lines=$(wc -l <"$SCRATCH/err")
    [ "$kind" = libc ] || [ "$lines" -ge 1 ] || fail "foreign $kind: ignored without a word"
    echo "passed: foreign $kind, lines: $lines"
done
