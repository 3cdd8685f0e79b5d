#!/bin/sh
# find_package(weir): C and C++ programs, shared and static, build without warnings and run.
set -eu

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

"$CMAKE" -G "$GENERATOR" -S "$CONSUMER" -B "$build" -DCMAKE_PREFIX_PATH="$PREFIX" >/dev/null
"$CMAKE" --build "$build"
for program in c-weir cxx-weir c-weir-static cxx-weir-static c-malloc; do
    echo "$program: $("$build/$program")"
done
"$build/c-benchmark" -benchtime 1x
test -e "$(cat "$build/malloc-library")"
