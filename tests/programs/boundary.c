/* In collect mode large blocks are dropped, the last of which contains a multiple of 1 GiB. jemalloc keeps in
 * each thread's memory which GiB it looked up last: that must not count as a pointer to the block. All blocks
 * are freed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"

enum { MOST = 400, SIZE = 5 * 1024 * 1024 };
static uintptr_t hidden[MOST];
static size_t count;

__attribute__((noinline)) static void allocate_up_to_1_gib(void)
{
    const uintptr_t gib = (uintptr_t)1 << 30;
    for (bool found = false; !found && count < MOST; count++) {
        uintptr_t p = (uintptr_t)malloc(SIZE);
        CHECK(p != 0);
        found = p / gib != (p + SIZE - 1) / gib || p % gib == 0;
        hidden[count] = ~p;
    }
}

/* Overwrite what earlier calls have left on the stack. */
__attribute__((noinline)) static void clear_stack(void)
{
    volatile char below[65536];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void *function(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    CHECK(found);
    return found;
}

int main(void)
{
    void (*disable)(void) = (void (*)(void))(uintptr_t)function("weir_gc_disable");
    void (*enable)(void) = (void (*)(void))(uintptr_t)function("weir_gc_enable");
    void (*collect)(void) = (void (*)(void))(uintptr_t)function("weir_gc");
    void *(*base)(const void *) = (void *(*)(const void *))(uintptr_t)function("weir_gc_base");
    disable();
    allocate_up_to_1_gib();
    enable();
    clear_stack();
    collect();
    for (size_t i = 0; i < count; i++)
        CHECK(!base((const void *)~hidden[i]));
    return 0;
}
