#!/bin/sh
# The installed command finds the installed swap-in.
set -eu

weir="$PREFIX/bin/weir"
library=$("$weir" run -- cat /proc/self/maps | sed -n 's/.* \(\/.*libweir-malloc\.so\)$/\1/p' | sort -u)
echo "$library"
test "$(realpath "$library")" = "$(realpath "$LIBDIR/libweir-malloc.so")"
