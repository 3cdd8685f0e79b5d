#!/usr/bin/env bash
# WEIR_DEBUG=guard=N: misuse of a guarded block stops at once, with a report that names who allocated and who freed it; and
# what does no harm works, in every mode.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# reports KIND SIGNAL LINE [FREED]: the program ends by the signal, and says so.
reports() {
    status=0
    WEIR_DEBUG=guard=1 on_weir "$WEIR_PROGRAMS/guarded" "$1" >"$SCRATCH/out" 2>"$SCRATCH/err" || status=$?
    [ "$status" = $((128 + $2)) ] || fail "$1: status $status" "$SCRATCH/err"
    grep -Eq "^weir: $3\$" "$SCRATCH/err" || fail "$1: no line \"$3\"" "$SCRATCH/err"
    [ "$(grep -c '^weir: ' "$SCRATCH/err")" = 1 ] || fail "$1: more than one line" "$SCRATCH/err"
    sed -n '/^  allocated by$/,/^  freed by$/p' "$SCRATCH/err" | grep '^    .*/guarded+0x[0-9a-f]*$' >"$SCRATCH/frames" ||
        fail "$1: not by whom it was allocated" "$SCRATCH/err"
    [ $# = 3 ] || sed -n '/^  freed by$/,$p' "$SCRATCH/err" | grep '^    .*/guarded+0x[0-9a-f]*$' >"$SCRATCH/frames" ||
        fail "$1: not by whom it was freed" "$SCRATCH/err"
}

address='0x[0-9a-f]+'
reports overflow 11 "overflow of $address \(48-byte block\): byte 48"
reports read-past 11 "overflow of $address \(64-byte block\): byte 64"
reports underflow 11 "underflow of $address \(48-byte block\): byte -1"
reports overflow-inside 6 "overflow of $address \(41-byte block\): byte 41 in free\(\)"
reports underflow-inside 6 "underflow of $address \(48-byte block\): byte -1 in free\(\)"
reports use-after-free 11 "use after free of $address \(40-byte block\): byte 12" freed
reports double-free 6 "double free of $address \(40-byte block\) in free\(\)" freed
reports realloc-after-free 6 "use after free of $address \(40-byte block\) in realloc\(\)" freed
reports interior 6 "interior address of $address \(40-byte block\): byte 16 in free\(\)"

for settings in "WEIR_DEBUG=guard=1" "WEIR_DEBUG=guard=10,verify=1" "WEIR_DEBUG=guard=1,harden=1" "WEIR_COLLECT=1 WEIR_DEBUG=guard=1" \
    "WEIR_GOGC=10 WEIR_MEMLIMIT=64MiB WEIR_DEBUG=guard=3"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/guarded" works
done
