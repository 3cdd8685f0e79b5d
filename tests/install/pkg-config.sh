#!/bin/sh
# pkg-config weir: C and C++, the shared library, the archive in a program that is linked statically, and the
# archive beside a real jemalloc, whose names it must not touch; and weir-bench, with main from the library.
set -eu

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
export PKG_CONFIG_PATH="$LIBDIR/pkgconfig"
cflags="$(pkg-config --cflags weir) -Wall -Wextra -Wpedantic -Werror"
libs=$(pkg-config --libs weir)
static_libs=$(pkg-config --static --libs weir)

"$CC" $cflags "$CONSUMER/consumer.c" -o "$build/c" $libs -Wl,-rpath,"$LIBDIR"
"$CXX" $cflags "$CONSUMER/consumer_cxx.cc" -o "$build/cxx" $libs -Wl,-rpath,"$LIBDIR"
"$CC" $cflags -static "$CONSUMER/consumer.c" -o "$build/c-static" $static_libs
"$CC" $cflags "$CONSUMER/consumer.c" -o "$build/c-jemalloc" "$LIBDIR/libweir.a" -ljemalloc -pthread
for program in c cxx c-static c-jemalloc; do
    echo "$program: $("$build/$program")"
done
test -e "$(pkg-config --variable=malloc_library weir)"
test "$(pkg-config --modversion weir)" = "$("$build/c")"

for language in c c++; do
    compiler=$CC
    [ "$language" = c ] || compiler=$CXX
    "$compiler" -x "$language" -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags weir-bench) \
        "$CONSUMER/benchmark.c" -x none -o "$build/benchmark" $(pkg-config --libs weir-bench)
    "$build/benchmark" -benchtime 1x | grep '^BenchmarkNothing'
done
