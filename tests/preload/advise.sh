#!/usr/bin/env bash
# weir advise, on a program with functions for which it is known what advice is right and what only seems so; its output; its
# errors. Lengths of instructions against objdump.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}" "${PYTHON:?python3}"
export CC
WEIR=$(realpath "$WEIR")
ADVISED=$WEIR_PROGRAMS/advised
CHECK=("$PYTHON" "$SOURCES/tests/preload/advise.py")
need "$CC"
"$WEIR" advise true 2>&1 | grep -F 'built without' >/dev/null && echo "SKIPPED: built without elfutils" && exit 77
cd "$SCRATCH"

echo "all blocks: what is advised for each function, and no more"
"$WEIR" advise --exact --json -- "$ADVISED" >exact.json
"${CHECK[@]}" exact exact.json || fail "exact"

for how in "$CC -O0" "$CC -O2" "$CC -O3" "clang -O0" "clang -O2"; do
    command -v ${how% *} >/dev/null || continue
    echo "the same, built by $how"
    $how -g -w -fno-builtin -o built "$SOURCES/tests/programs/advised.c" -pthread
    "$WEIR" advise --exact --json -- ./built >exact.json
    "${CHECK[@]}" exact exact.json || fail "$how"
done

echo "samples: nothing of a function that all blocks do not bear out"
for rate in 500 2000 8000; do
    "$WEIR" advise --profile-rate=$rate --least=1 --json -- "$ADVISED" 4000 >sampled.json
    "${CHECK[@]}" sampled sampled.json || fail "a sample in $rate bytes"
done

echo "the table, the page, the profile that is kept"
"$WEIR" advise --exact --top=99 --html=page.html --keep=kept.heap -- "$ADVISED" 200 >table
grep -F 'a local variable of right_stack()' table >/dev/null || fail "the table"
grep -F 'struct order' table >/dev/null || fail "the struct"
grep -F 'free(p);' page.html >/dev/null || fail "the page has no source"
grep -E 'src=|href=|https?:' page.html && fail "the page needs something else"
"$WEIR" report --index=alloc_objects --peek=right_stack kept.heap >peek
grep -F right_stack peek >/dev/null || fail "the profile that was kept"
"$WEIR" advise --top=99 --profile=kept.heap >again
diff <(sed 1,1d table | cut -c 36- | sort) <(sed 1,1d again | cut -c 36- | sort) >difference || fail "read again: $(head difference)"
if command -v go >/dev/null; then
    go tool pprof -sample_index=alloc_objects -tagfocus=escape=thread -top kept.heap 2>/dev/null >top || fail "pprof"
    grep -F wrong_thread top >/dev/null || fail "pprof -tagfocus"
    grep -F right_stack top >/dev/null && fail "pprof -tagfocus shows others"
    go tool pprof -sample_index=alloc_objects -tagfocus=advice=arena -top kept.heap 2>/dev/null >top || fail "pprof"
    [ "$(grep -c -e right_ -e wrong_ top)" = 1 ] && grep -F right_arena top >/dev/null || fail "pprof: $(cat top)"
fi

echo "what the program says and how it ends; where the files are that its children write"
CHILDREN=("$PYTHON" -c 'import subprocess, sys; print("said", flush=True); subprocess.run([sys.executable, "-c", "print(1)"])')
[ "$("$WEIR" advise -- "${CHILDREN[@]}" | head -2)" = "$(printf 'said\n1')" ] || fail "its output"
"$WEIR" advise --json -- "${CHILDREN[@]}" 2>said >only.json
grep -q said said || fail "--json: its output"
"$PYTHON" -m json.tool only.json >/dev/null || fail "--json: no JSON"
said=$("$WEIR" advise -- "$PYTHON" -c 'import sys; sys.exit(3)' 2>&1 >/dev/null) || fail "a program that fails"
grep -qF 'ended with status 3' <<<"$said" || fail "$said"
said=$("$WEIR" advise -- sh -c 'exec 2>&-; kill -9 $$' 2>&1) && fail "no profile: status 0"
grep -qF 'has left no profile' <<<"$said" || fail "$said"
status=0
"$WEIR" advise -- /nowhere/none 2>said || status=$?
[ $status = 127 ] || fail "no program: $status"
"$WEIR" run --profile=plain.heap --profile-rate=1 -- "$ADVISED" 10
said=$("$WEIR" advise --profile=plain.heap 2>&1 >/dev/null) && fail "another kind of profile: status 0"
grep -qF 'does not say where' <<<"$said" || fail "$said"
mkdir left
TMPDIR=$SCRATCH/left "$WEIR" advise -- "${CHILDREN[@]}" >/dev/null
[ -z "$(ls left)" ] || fail "left behind: $(ls left)"
for arguments in "" "--sort=none true" "--top=x true" "--fail-over=1x true" "--fail-over=99999999999TiB true" "--profile=kept.heap true" "--none true"; do
    status=0
    "$WEIR" advise $arguments >/dev/null 2>said || status=$?
    [ $status = 2 ] && [ "$(wc -l <said)" = 1 ] || fail "$arguments: $status $(cat said)"
done

echo "a change that makes it worse"
"$WEIR" advise --exact --json -- "$ADVISED" 500 >before.json
"$WEIR" advise --exact --fail-over=1KiB --baseline=before.json -- "$ADVISED" 500 >/dev/null || fail "the same again is worse"
status=0
"$WEIR" advise --exact --fail-over=1KiB --baseline=before.json -- "$ADVISED" 700 >/dev/null 2>said || status=$?
[ $status = 1 ] || fail "worse: $status"
grep -qF 'struct order: ' said || fail "the struct: $(cat said)"
grep -qF 'right_reuse: ' said || fail "the function: $(cat said)"
said=$("$WEIR" advise --baseline=page.html -- true 2>&1 >/dev/null) && fail "no baseline: status 0"
grep -qF 'expected what' <<<"$said" || fail "$said"

echo "instructions"
if [ "$(uname -m)" = x86_64 ] && command -v objdump >/dev/null; then
    cat >lengths.c <<'C'
#include "tools/weir/advise/instruction.h"
#include <stdio.h>
#include <string.h>
/* Lines: address, bytes in hexadecimal, what it is. */
int main(void)
{
    unsigned long address, count = 0, wrong = 0;
    char hex[64], name[64];
    while (scanf("%lx %63s %63s", &address, hex, name) == 3) {
        uint8_t bytes[48];
        memset(bytes, 0x90, sizeof bytes);
        size_t length = strlen(hex) / 2;
        for (size_t i = 0; i < length; i++)
            sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
        instruction_t instruction;
        count++;
        if (instruction_read(bytes, 20, address, &instruction) && instruction.length == length)
            continue;
        wrong++;
        printf("%lx %s %s: %u\n", address, hex, name, instruction.length);
    }
    printf("%lu instructions\n", count);
    return wrong > 0;
}
C
    "$CC" -O1 -I"$SOURCES" -o lengths lengths.c "$SOURCES/tools/weir/advise/instruction.c"
    for file in "$ADVISED" "$(ldd "$ADVISED" | awk '/libc\./ { print $3 }')"; do
        objdump -d -w --insn-width=16 "$file" | awk -F '\t' '$3 != "" {
            gsub(/[ :]/, "", $1); gsub(/ /, "", $2); split($3, word, " "); print $1, $2, word[1]
        }' >listed
        ./lengths <listed || fail "$file"
    done
fi
