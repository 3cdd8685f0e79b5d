/* The private jemalloc: what it takes from the system it takes from runtime/region/extents_os.c, and from
 * nowhere else. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <jemalloc/jemalloc.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/region/extents.h"
#include "tests/unit/support.h"

extern size_t weir_je_sz_large_pad;
int weir_je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);

static void start(void)
{
    heap_free(heap_malloc(1));
    cr_assert(extents_wake());
}

Test(jemalloc, gives_addresses_of_the_region_and_uses_them_again)
{
    start();
    void *first = extents_take(CHUNK_SIZE, CHUNK_SIZE), *second = extents_take(3 * CHUNK_SIZE, CHUNK_SIZE);
    for (int i = 0; i < 2; i++) {
        char *p = i ? second : first;
        cr_assert(region_owns(p));
        cr_assert_eq((uintptr_t)p % CHUNK_SIZE, 0);
        p[0] = p[CHUNK_SIZE - 1] = 1;
    }
    size_t before = region.carved;
    extents_give(first, CHUNK_SIZE);
    cr_assert_eq(extents_take(CHUNK_SIZE, CHUNK_SIZE), first, "address space is reused");
    cr_assert_eq(region.carved, before);
}

/* jemalloc 5.3.0 refuses the documented option cache_oblivious:false, so the runtime sets the option's
 * variable before the first call. */
Test(jemalloc, large_blocks_are_without_padding)
{
    start();
    cr_assert_eq(weir_je_sz_large_pad, 0);
}

Test(jemalloc, takes_no_options_from_the_environment)
{
    setenv("MALLOC_CONF", "narenas:7,stats_print:true", 1);
    start();
    unsigned arenas = 0;
    size_t size = sizeof arenas;
    cr_assert_eq(weir_je_mallctl("opt.narenas", &arenas, &size, NULL, 0), 0);
    cr_assert_neq(arenas, 7);
}

/* The runtime calls two functions of jemalloc that are not in its interface. They do what they are called for
 * (jemalloc 5.3). */
Test(jemalloc, purges_by_its_inner_function)
{
    start();
    char *p = extents_take(MIB(40), SLOT_SIZE);
    memset(p, 1, MIB(40));
    for (size_t i = 0; i < MIB(40) / SLOT_SIZE; i++)
        span_of_slot(region_slot(p) + (uint32_t)i)->touched = SLOT_PAGES;
    extents_give(p, MIB(40));
    cr_expect_eq(extents_purge(false), MIB(40));
    cr_expect_eq(extents_decommits(), 0);
    cr_expect_leq(resident_between((uintptr_t)p, (uintptr_t)p + MIB(40)), 0);
    cr_assert_eq(extents_take(MIB(40), SLOT_SIZE), p);
    cr_expect(is_zero(p, MIB(40)));
}

Test(jemalloc, gives_up_its_commitment)
{
    start();
    char *p = extents_take(MIB(40), SLOT_SIZE);
    memset(p, 1, MIB(40));
    extents_give(p, MIB(40));
    extents_purge(true);
    cr_expect_gt(extents_decommits(), 0);
    cr_expect_neq(madvise(p, OS_PAGE, MADV_POPULATE_WRITE), 0, "not mapped");
    cr_assert_eq(extents_take(MIB(40), SLOT_SIZE), p);
    cr_expect(is_zero(p, MIB(40)));
}

Test(jemalloc, says_what_its_metadata_takes)
{
    start();
    size_t at_first = extents_metadata_bytes();
    cr_expect_gt(at_first, KIB(20));
    cr_expect_lt(at_first, KIB(400));
    for (int i = 0; i < 1000; i++)
        cr_assert_not_null(extents_take(MIB(3), SLOT_SIZE));
    cr_expect_geq(extents_metadata_bytes(), at_first + 1000 * 128);
    cr_expect_lt(extents_metadata_bytes(), at_first + MIB(9));
}
