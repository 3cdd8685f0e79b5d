/* The private jemalloc: an arena of it takes memory from the hooks it is given and from nowhere else. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <jemalloc/jemalloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

void *weir_je_mallocx(size_t size, int flags);
void weir_je_dallocx(void *p, int flags);
extern bool weir_je_opt_cache_oblivious;
extern size_t weir_je_sz_large_pad;
int weir_je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);

enum { ROOM = 256 << 20 };
static char *room;
static atomic_size_t taken;

static void *take(extent_hooks_t *hooks, void *address, size_t size, size_t alignment, bool *zeroed,
                  bool *committed, unsigned arena)
{
    (void)hooks, (void)arena;
    if (address != NULL)
        return NULL;
    size_t start = (atomic_load(&taken) + alignment - 1) & -alignment;
    if (start + size > ROOM)
        return NULL;
    atomic_store(&taken, start + size);
    *zeroed = true;
    *committed = true;
    return room + start;
}

static bool split(extent_hooks_t *hooks, void *p, size_t size, size_t a, size_t b, bool committed,
                  unsigned arena)
{
    (void)hooks, (void)p, (void)size, (void)a, (void)b, (void)committed, (void)arena;
    return false;
}

static bool merge(extent_hooks_t *hooks, void *p, size_t a, void *q, size_t b, bool committed, unsigned arena)
{
    (void)hooks, (void)p, (void)a, (void)q, (void)b, (void)committed, (void)arena;
    return false;
}

Test(jemalloc, an_arena_lives_on_its_hooks)
{
    size_t alignment = (size_t)4 << 20;
    char *reserved = mmap(NULL, ROOM + alignment, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq(reserved, MAP_FAILED);
    room = (char *)(((uintptr_t)reserved + alignment - 1) & -alignment);

    static extent_hooks_t hooks = {.alloc = take, .split = split, .merge = merge};
    extent_hooks_t *hooks_pointer = &hooks;
    unsigned arena;
    size_t arena_size = sizeof arena;
    cr_assert_eq(weir_je_mallctl("arenas.create", &arena, &arena_size, &hooks_pointer, sizeof hooks_pointer),
                 0);

    int flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE | MALLOCX_ALIGN(alignment);
    void *first = weir_je_mallocx(alignment, flags);
    void *second = weir_je_mallocx(3 * alignment, flags);
    for (int i = 0; i < 2; i++) {
        char *p = i ? second : first;
        cr_assert(p >= room && p < room + ROOM, "the hooks' memory, not jemalloc's own");
        cr_assert_eq((uintptr_t)p % alignment, 0);
        p[0] = p[alignment - 1] = 1;
    }

    size_t before = atomic_load(&taken);
    weir_je_dallocx(first, flags);
    cr_assert_eq(weir_je_mallocx(alignment, flags), first, "address space is reused");
    cr_assert_eq(atomic_load(&taken), before);
}

/* 5.3.0 refuses the documented option cache_oblivious:false; its variable, set before the first call, works. */
Test(jemalloc, large_blocks_can_be_without_padding)
{
    weir_je_opt_cache_oblivious = false;
    weir_je_dallocx(weir_je_mallocx(1, 0), 0);
    cr_assert_eq(weir_je_sz_large_pad, 0);
}

Test(jemalloc, takes_no_options_from_the_environment)
{
    setenv("MALLOC_CONF", "narenas:7,stats_print:true", 1);
    unsigned arenas = 0;
    size_t size = sizeof arenas;
    cr_assert_eq(weir_je_mallctl("opt.narenas", &arenas, &size, NULL, 0), 0);
    cr_assert_neq(arenas, 7);
}
