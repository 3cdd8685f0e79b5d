#!/bin/sh
# What the libraries need and show: libc alone; the public names alone.
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

for library in libweir.so libweir-malloc.so; do
    needed=$(readelf -dW "$LIBDIR/$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v -e '^libc\.so' -e '^ld-linux' || true)
    test -z "$needed" || fail "$library needs $needed"
done

shown() { nm --dynamic --defined-only --format=posix "$LIBDIR/$1" | sed 's/[@ ].*//' | sort -u; }
strange=$(shown libweir.so | grep -v -e '^weir_' -e '^WEIR_' || true)
test -z "$strange" || fail "libweir.so shows $strange"
for library in libweir.so libweir-malloc.so; do
    ! shown "$library" | grep '^weir_je_' || fail "$library shows its jemalloc"
done
for name in malloc calloc realloc free reallocarray aligned_alloc posix_memalign memalign valloc pvalloc \
    malloc_usable_size malloc_trim mallinfo2 malloc_stats malloc_info free_sized free_aligned_sized \
    _Znwm _ZnamSt11align_val_tRKSt9nothrow_t _ZdlPvmSt11align_val_t; do
    shown libweir-malloc.so | grep -qx "$name" || fail "libweir-malloc.so lacks $name"
done

strange=$(nm --extern-only --defined-only --format=posix "$LIBDIR/libweir.a" | awk 'NF > 1 && $1 !~ /^weir_/ { print $1 }')
test -z "$strange" || fail "libweir.a shows $strange"
! nm --extern-only --defined-only "$LIBDIR/libweir.a" | grep weir_je_ || fail "libweir.a shows its jemalloc"

strange=$(nm --extern-only --defined-only --format=posix "$LIBDIR/libweir-bench.a" | awk 'NF > 1 && $1 !~ /^(bench_|main$)/ { print $1 }')
test -z "$strange" || fail "libweir-bench.a shows $strange"

test "$(readelf -dW "$LIBDIR/libweir.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')" = libweir.so.0
