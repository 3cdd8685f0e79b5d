#!/bin/sh
# A build without npm: the page is left out, a line says so, and the rest is configured as ever. (unit-http_answer is such a build
# of the endpoint.)
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$CMAKE" -G "$GENERATOR" -S "$CONSUMER/../../.." -B "$scratch" -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" -DWEIR_NPM=OFF -DWEIR_TESTS=OFF \
    -DWEIR_BENCH=OFF >"$scratch/said" 2>&1 || {
    cat "$scratch/said"
    exit 1
}
grep -q 'libmicrohttpd .* is missing' "$scratch/said" && exit 77
grep -x -- '-- npm (Debian: npm) is missing: the page of the HTTP endpoint is left out' "$scratch/said"
