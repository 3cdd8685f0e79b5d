#!/usr/bin/env bash
# gcc -O2 -D_FORTIFY_SOURCE=3: the compiler checks writes against the size of the call of malloc that it saw. The bytes of the block
# beyond that are the program's after a realloc to the usable size. This realloc does not move the block, except in harden and
# collect mode.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$SCRATCH"

cat >usable.c <<'END'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef API
#include <weir.h>
#define malloc weir_malloc
#define realloc weir_realloc
#define malloc_usable_size weir_usable_size
#define free weir_free
#endif

/* Writes all usable bytes of each of many blocks. */
int main(int count, char **arguments)
{
    int moved = 0;
    for (size_t size = 1; size < 200000; size += size / 7 + 1) {
        char *block = malloc(size);
        size_t usable = malloc_usable_size(block);
        if (!block || usable < size)
            return 1;
        if (count > 1) {
            char *same = realloc(block, usable);
            moved += (size_t)same != *(volatile size_t *)&block;
            block = same;
        }
        memset(block, 'x', usable);
        if (malloc_usable_size(block) < usable)
            return 1;
        free(block);
    }
    if (moved && strcmp(arguments[1], "stays") == 0)
        return 2;
    puts("done");
    return 0;
}
END
flags=(-O2 -D_FORTIFY_SOURCE=3 -w -I"$SOURCES/include")
"$CC" "${flags[@]}" usable.c -o usable || fail "does not compile"
"$CC" "${flags[@]}" -DAPI usable.c "$WEIR_MALLOC" -Wl,-rpath,"$(dirname "$WEIR_MALLOC")" -o usable-api || fail "does not compile"

for program in ./usable ./usable-api; do
    passes "$program" stays
    passes WEIR_DEBUG=harden=1 "$program" may-move
    passes WEIR_COLLECT=1 "$program" may-move
    # Without realloc the compiler's check ends the program, if the compiler sees both the size and the write. The same
    # happens on the system's malloc.
    if [[ $(nm -D "$program") == *memset_chk* ]]; then
        status=0
        on_weir "$program" >out 2>&1 || status=$?
        [ "$status" = 134 ] || fail "$program without realloc: status $status"
    fi
done
