#!/usr/bin/env bash
# Files with the largest and smallest numbers that they can have: weir report, layout and advise end by themselves, and say the
# nearest number that they have room for. Ids of processes that no process has.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}" "${PYTHON:?python3}"
WEIR=$(realpath "$WEIR")
need "$CC"
"$WEIR" report none 2>&1 | grep -F 'built without' >/dev/null && echo "SKIPPED: built without elfutils" && exit 77
cd "$SCRATCH"
MOST=9223372036854775807 LEAST=-9223372036854775808 UNSIGNED=18446744073709551615

# says STATUS TEXT COMMAND...: it ends so, by no signal, and its output has a line with the text.
says() {
    local expected=$1 text=$2 status=0
    shift 2
    timeout $HANG "$@" >out 2>&1 || status=$?
    [ $status = "$expected" ] && grep -F -- "$text" out >/dev/null ||
        fail "$*: status $status, expected $expected and \"$text\": $(head -n 20 out)"
}

# profile LINE VALUE REQUESTED [KEY=NUMBER]...
profile() {
    "$PYTHON" "$SOURCES/tests/preload/hostile.py" small small.c "$@" >profile.pb
}

cat >small.c <<'END'
#include <stdlib.h>
struct empty {};
struct order { char kind; long sum; char flag; };
union fields { unsigned low : 3; unsigned high : 5; };
struct empty empty;
struct order order;
union fields fields;
void *volatile kept;
int main(void)
{
    kept = malloc(sizeof(struct empty));
    kept = malloc(sizeof(struct order));
    return 0;
}
END
"$CC" -g -w -o small small.c

echo "weir report: sums"
for value in $MOST $LEAST; do
    sign=${value%[0-9]*} sign=${sign%%[0-9]*}
    profile 12 $value 24
    says 0 "${sign}8388608.0 TiB in all" "$WEIR" report profile.pb
    says 0 "$value  100.0%" "$WEIR" report --index=inuse_objects --tree profile.pb
    says 0 "$value in all" "$WEIR" report --index=alloc_objects --peek=make profile.pb
    says 0 "$value  no name" "$WEIR" report --index=inuse_objects --owners profile.pb
    says 0 "in all" "$WEIR" report --lifetimes profile.pb
    says 0 "</svg>" "$WEIR" report --svg=/dev/stdout profile.pb
    cp profile.pb base.pb
    says 0 "in all" "$WEIR" report --base=base.pb profile.pb
done
profile 12 0 24
says 0 "inuse_space: 8388608.0 TiB in all" "$WEIR" report --base=base.pb profile.pb

echo "weir layout: objects, a struct without bytes, bit-fields of a union"
profile 12 $MOST 48
says 0 "$UNSIGNED sure " "$WEIR" layout --profile profile.pb small
grep -E "^ *$UNSIGNED sure +$UNSIGNED " out >/dev/null || fail "$(<out)"
profile 11 $MOST 0
says 0 "structs, classes and unions" "$WEIR" layout --all --profile profile.pb small
says 0 '"hole_bits":0,"padding":0,"bit_padding":27' "$WEIR" layout --json --type fields small

echo "weir advise: all that it reckons"
for value in $MOST $LEAST; do
    for key in emptied=1 chains=0 chains=1 grown=0 live=1 least=1 copied=1 bytes=1 requested=$UNSIGNED; do
        profile 12 $value 24 $key
        says 0 '"advice":' "$WEIR" advise --profile profile.pb --json --least=0 --html page.html
    done
done
says 0 'left as they are' "$WEIR" advise --profile profile.pb --least=0 --sort=time
profile 12 $MOST 24 chains=0
"$WEIR" advise --profile profile.pb --json >now.json
says 1 "$UNSIGNED bytes could be saved, before: 1" "$WEIR" advise --profile profile.pb --fail-over=0 \
    --baseline=<(sed 's/"saved_bytes":[0-9]*/"saved_bytes":1/' now.json)

echo "weir layout: alignments, sizes and places that no struct has"
cat >debug.s <<'END'
    .section .debug_abbrev, "", %progbits
    .uleb128 1, 0x11
    .byte 1, 0, 0
    .uleb128 2, 0x24
    .byte 0, 3, 8, 11, 15, 62, 11, 0, 0
    .uleb128 3, 0x13
    .byte 1, 3, 8, 11, 15, 0, 0
    .uleb128 4, 0x0d
    .byte 0, 3, 8, 0x49, 19, 0x38, 15
    .uleb128 0x88, 15, 0, 0
    .uleb128 5, 0x0d
    .byte 0, 3, 8, 0x49, 19, 0x0d, 15, 0x6b, 15, 0, 0
    .byte 0
    .section .debug_info, "", %progbits
start:
    .long end - begin
begin:
    .short 5
    .byte 1, 8
    .long 0
    .uleb128 1
long:
    .uleb128 2
    .asciz "long"
    .uleb128 8
    .byte 5
huge:
    .uleb128 2
    .asciz "huge"
    .uleb128 0x2000000000000000
    .byte 5
none:
    .uleb128 2
    .asciz "none"
    .uleb128 0
    .byte 5
    .macro record name, size
    .uleb128 3
    .asciz "\name"
    .uleb128 \size
    .endm
    .macro member type, at, align
    .uleb128 4
    .asciz "member"
    .long \type - start
    .uleb128 \at, \align
    .endm
    .macro bits type, count, at
    .uleb128 5
    .asciz "bits"
    .long \type - start
    .uleb128 \count, \at
    .endm
    record aligned, 16
    member long, 0, 0x100000000
    member long, 8, 0
    .byte 0
    record wide, 0x8000000000000000
    member huge, 0, 8
    bits huge, 3, 0
    bits huge, 5, 0xffffffffffffffff
    .byte 0
    record narrow, 8
    bits none, 3, 0
    bits none, 3, 3
    .byte 0
    record far, 24
    member long, 0, 8
    member long, 0x4000000000000000, 8
    bits long, 0xffffffffffffffff, 0xffffffffffffffff
    .byte 0
    .byte 0
end:
END
"$CC" -nostdlib -shared -o debug.so debug.s
for how in "--all" "--all --json" "--type aligned" "--type narrow" "--type far"; do
    says 0 "aligned" "$WEIR" layout $how debug.so
done

echo "ids beyond those of processes"
for id in 4294967297 99999999999999999999 -1; do
    for command in pins ctl why top; do
        says 2 "the id of a process" "$WEIR" $command $id
    done
done
