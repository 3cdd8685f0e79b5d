#!/bin/sh
# Every program of examples/ is compiled against the installed weir, with all warnings, and prints what its first comment says;
# the build files of examples/embed work.
set -eu

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
examples=$(realpath "$(dirname "$0")/../../examples")
export PKG_CONFIG_PATH="$LIBDIR/pkgconfig"

for source in "$examples"/*.c; do
    program=$build/$(basename "$source" .c)
    "$CC" -std=gnu17 -O2 -Wall -Wextra -Wpedantic -Werror "$source" $(pkg-config --cflags --libs weir) -pthread \
        -Wl,-rpath,"$LIBDIR" -o "$program"
    sed -n '/^ \* Prints:$/,/^ \*\//s/^ \*     //p' "$source" >"$program.expected"
    test -s "$program.expected"
    "$program" >"$program.printed"
    diff "$program.expected" "$program.printed"
    echo "passed: $(basename "$source")"
done

expected=$(sed -n '1s/.*Prints: \(.*\) \*\//\1/p' "$examples/embed/hello.c")
cp -r "$examples/embed" "$build/embed"
for target in hello static; do
    make -s -C "$build/embed" clean
    make -s -C "$build/embed" CC="$CC" "$target"
    test "$("$build/embed/hello")" = "$expected"
    echo "passed: embed, make $target"
done
"$CMAKE" -G "$GENERATOR" -S "$build/embed" -B "$build/cmake" -DCMAKE_PREFIX_PATH="$PREFIX" >/dev/null
"$CMAKE" --build "$build/cmake" >/dev/null
test "$("$build/cmake/hello")" = "$expected"
echo "passed: embed, CMake"
