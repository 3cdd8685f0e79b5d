#!/usr/bin/env bash
# Commits every misuse of misuse.c under weir, as it is and with harden=1, each with onerror=abort and with
# onerror=warn, and compares what happens with the table in misuse.c. All cases run; failures are listed as they come.
# With a pattern as an argument only the cases run whose names match it.
source "$(dirname "${BASH_SOURCE[0]}")/../preload/support.bash"

ulimit -c 0
pattern=${1:-}
program=$SCRATCH/misuse
"$CC" -std=gnu17 -O1 -fno-builtin -w -pthread "$SOURCES/tests/misuse/misuse.c" -o "$program"

address='0x[0-9a-f]+'
abort=134 segv=139
passed=0 failed=0

# run DEBUG CASE: sets status; the output is in $SCRATCH/out and $SCRATCH/err.
run() {
    status=0
    on_weir "WEIR_DEBUG=$1" "$program" "$2" >"$SCRATCH/out" 2>"$SCRATCH/err" || status=$?
    lines=$(grep -c '^weir: ' "$SCRATCH/err" || true)
} 2>/dev/null

survived() {
    [ "$status" = 0 ] && grep -q '^survived$' "$SCRATCH/out"
}

# reported KIND: exactly one line, of this form.
reported() {
    [ "$lines" = 1 ] && grep -Eq "^weir: [a-z/ -]*($1)[a-z/ -]* (of|at|in) $address" "$SCRATCH/err"
}

# as_expected OUTCOME KIND ONERROR
as_expected() {
    case $1-$3 in
    any-*) [ "$status" != 124 ] ;; # not a hang
    report-abort) [ "$status" = $abort ] && reported "$2" ;;
    report-warn | ignore-*) survived && reported "$2" ;;
    stop-abort) [ "$status" = $abort ] || [ "$status" = $segv ] ;;
    stop-warn) [ "$status" != 124 ] ;;
    survive-*) survived && [ "$lines" = 0 ] ;;
    *) fail "no such outcome: $1" ;;
    esac
}

while read -r name plain harden kind; do
    [[ $name =~ $pattern ]] || continue
    for mode in "plain 0 $plain" "harden 1 $harden"; do
        read -r label value outcome <<<"$mode"
        for onerror in abort warn; do
            run "harden=$value,onerror=$onerror" "$name"
            if as_expected "$outcome" "$kind" "$onerror"; then
                passed=$((passed + 1))
            else
                failed=$((failed + 1))
                echo "FAILED: $name ($label, onerror=$onerror): expected $outcome, got status $status," \
                    "$lines lines: $(cat "$SCRATCH/out" "$SCRATCH/err" | head -n 3 | tr '\n' '|')"
            fi
        done
    done
done < <("$program" list)

echo "$passed as expected, $failed not"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
