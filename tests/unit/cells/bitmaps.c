/* bitmaps: the tables of collected cells cover what has descriptors, and no more. */
#include "runtime/cells/bitmaps.h"

#include <criterion/criterion.h>
#include <weir/gc.h>

#include "tests/unit/support.h"

/* Roots that point to each slot that may come to lie in the region, whatever is there now. */
enum { REACH = 512 * 1024 * 1024, STEPS = 192 };
static uintptr_t words[REACH / SLOT_SIZE];
static void *volatile kept[STEPS];

Test(bitmaps, words_that_point_behind_the_region_are_looked_at_by_nobody)
{
    for (size_t i = 0; i < REACH / SLOT_SIZE; i++)
        words[i] = region_base + i * SLOT_SIZE;
    CHECK(weir_gc_add_roots(words, sizeof words) == 0);
    for (size_t i = 0; i < STEPS; i++) {
        kept[i] = weir_gc_alloc_noscan(MIB(1));
        cr_assert_leq(bitmaps_reach, region_described());
        cr_assert(bitmaps_cover(kept[i]));
        weir_gc();
    }
    weir_gc_remove_roots(words);
}
