#!/usr/bin/env bash
# Pools and arenas that have names, in heap profiles: labels that weir report --owners adds up, and go tool pprof shows.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
need "$CC"
"$WEIR" report --owners none 2>&1 | grep -F 'built without' >/dev/null && echo "SKIPPED: built without elfutils" && exit 77
cd "$SCRATCH"
cat >owners.c <<'END'
#include <stdlib.h>
#include <weir.h>

static void *make(void *size)
{
    return weir_malloc((size_t)size);
}

int main(void)
{
    static void *objects[3000];
    weir_arena *parser = weir_arena_new(&(weir_arena_options){.name = "parser"}), *plain = weir_arena_new(NULL);
    weir_pool *buffers = weir_pool_new(&(weir_pool_options){.name = "buffers", .new_object = make, .ctx = (void *)1000});
    weir_pool *both = weir_pool_new(&(weir_pool_options){.name = "parser", .new_object = make, .ctx = (void *)2000});
    for (int i = 0; i < 1000; i++) {
        objects[3 * i] = weir_pool_get(buffers);
        objects[3 * i + 1] = weir_pool_get(both);
        objects[3 * i + 2] = weir_malloc(500);
        if (!weir_arena_alloc(parser, 4000) || !weir_arena_alloc(plain, 100))
            return 1;
    }
    return !weir_profile_write("profile");
}
END
"$CC" -I"$SOURCES/include" owners.c "$WEIR_MALLOC" -Wl,-rpath,"$(dirname "$WEIR_MALLOC")" -o owners
WEIR_PROFILE=at-exit WEIR_PROFILE_RATE=1 timeout $HANG ./owners || fail "status $?"
"$WEIR" report --owners profile >out
cat out
# KiB of an owner.
of() { awk -v name="$1" 'index($0, "  " name) { print int($1 * ($2 == "MiB" ? 1024 : $1 ~ /MiB/ ? 1024 : 1)) }' out; }
within() { [ -n "$(of "$1")" ] && [ "$(of "$1")" -ge $2 ] && [ "$(of "$1")" -le $3 ] || fail "$1: $(of "$1") KiB"; }
within 'pool buffers' 976 1100
within 'pool parser' 1950 2200
within 'arena parser' 3900 8000
within 'no name ' 580 2000
if command -v go >/dev/null; then
    go tool pprof -tags profile >tags 2>/dev/null || fail "pprof"
    grep -q 'buffers' tags && grep -q 'arena:' tags || fail "pprof: $(<tags)"
fi
