#!/usr/bin/env bash
# weir metrics; docs/metrics.md has the same table as the runtime (metrics.def).
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
"$WEIR" metrics --markdown >"$SCRATCH/table"
[ "$(grep -c '^| `/' "$SCRATCH/table")" -gt 40 ] || fail "$(head "$SCRATCH/table")"
grep -E '^\| `/[^`]*` \| (uint64|float64|histogram)' "$SOURCES/docs/metrics.md" | cmp - <(grep '^| `/' "$SCRATCH/table") ||
    fail "docs/metrics.md: write the table anew with weir metrics --markdown"
[ "$("$WEIR" metrics | grep -c '^/')" = "$(grep -c '^| `/' "$SCRATCH/table")" ] || fail "two lists"
! "$WEIR" metrics x 2>"$SCRATCH/err" || fail "x is no argument"
[ "$(wc -l <"$SCRATCH/err")" = 1 ] || fail "$(<"$SCRATCH/err")"
echo "passed: the metrics are listed, and documented"
