/* shield: large objects of which the program has protected pages, without the functions that
 * libweir-malloc.so replaces: the objects are found, hidden, kept, and accessible again after their free. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <weir/gc.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/heap/heap.h"
#include "runtime/malloc/shield.h"
#include "runtime/os/os.h"
#include "tests/unit/support.h"

enum { COUNT = 100, SIZE = 1000, LARGE = 1024 * 1024 };

static uint64_t **table; /* the only place that knows the objects */

static span_t *span_of(const void *p)
{
    return span_of_slot(region_slot(p));
}

__attribute__((noinline)) static void build(void)
{
    table = weir_gc_alloc(LARGE);
    for (uint64_t i = 0; i < COUNT; i++) {
        table[i] = weir_gc_alloc(SIZE);
        *table[i] = i;
    }
}

static void check_objects(void)
{
    weir_gc();
    for (uint64_t i = 0; i < COUNT; i++)
        cr_assert(weir_gc_base(table[i]) == table[i] && *table[i] == i);
}

static void hide(void *object)
{
    gc_forbid_begin();
    collected_hide(span_of(object));
    gc_forbid_end();
}

Test(shield, what_a_hidden_object_knows_is_kept)
{
    build();
    hide(table);
    cr_assert(mprotect(table, OS_PAGE, PROT_NONE) == 0);
    weir_gc();
    cr_assert(mprotect(table, OS_PAGE, PROT_READ | PROT_WRITE) == 0);
    check_objects();
}

Test(shield, an_object_that_takes_the_place_of_a_hidden_one_is_scanned)
{
    build();
    hide(table);
    table = weir_gc_realloc(table, (size_t)8 * LARGE);
    check_objects();
}

Test(shield, an_object_that_could_not_be_hidden_at_once_is_hidden_by_the_next_trace)
{
    build();
    shield_note(span_of(table), true);
    cr_assert(mprotect(table, OS_PAGE, PROT_NONE) == 0);
    weir_gc();
    cr_assert(mprotect(table, OS_PAGE, PROT_READ | PROT_WRITE) == 0);
    check_objects();
}

Test(shield, finds_the_object_around_a_range)
{
    char *p = heap_malloc(LARGE), *huge = heap_malloc((size_t)64 * LARGE), *small = heap_malloc(100);
    uintptr_t at = (uintptr_t)p, far = (uintptr_t)huge + (size_t)63 * LARGE;
    cr_expect_eq(shield_find(at + LARGE - OS_PAGE, at + LARGE), span_of(p));
    cr_expect_eq(shield_find(far, far + OS_PAGE), span_of(huge));
    cr_expect_null(shield_find(far, far + (size_t)2 * LARGE));
    cr_expect_null(shield_find((uintptr_t)small, (uintptr_t)small + 1));
    heap_free(p);
    cr_expect_null(shield_find(at + LARGE - OS_PAGE, at + LARGE));
    heap_free(huge);
    heap_free(small);
}

/* As in a child of fork: what is not mapped is mapped anew, and the rest stays as it is. */
Test(shield, a_lift_maps_only_what_is_missing)
{
    char *p = heap_malloc(LARGE);
    memset(p, 1, LARGE);
    shield_note(span_of(p), false);
    cr_assert(munmap(p + 2 * OS_PAGE, OS_PAGE) == 0);
    cr_assert(mprotect(p + 4 * OS_PAGE, OS_PAGE, PROT_NONE) == 0);
    shield_lift_if_any(span_of(p));
    for (size_t i = 0; i < LARGE; i += OS_PAGE)
        cr_assert_eq(p[i], i != 2 * OS_PAGE);
    heap_free(p);
}
