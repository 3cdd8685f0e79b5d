/* span: the states of a small span, and when it changes them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "runtime/malloc/span.h"
#include "tests/unit/support.h"

enum { MOST = 5 * SLOT_SIZE / 16 };
static void *cells[MOST];

static span_t *span_at(const void *p)
{
    return span_of_slot(region_slot(p));
}

/* Cells [from, to) of one size. */
static void take(size_t size, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        cr_assert_not_null(cells[i] = heap_malloc(size));
}

static void give(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        heap_free(cells[i]);
}

static const size_t sizes[] = {16, 48, 128, 256, 1024, 2048, 4096, 8192, 32768};

Test(span, full_until_a_sixteenth_is_free)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t in_span = SLOT_SIZE / sizes[i], share = in_span / 16;
        size_t wake = share < 1 ? 1 : share > 32 ? 32 : share;
        take(sizes[i], 0, in_span);
        span_t *span = span_at(cells[0]);
        cr_expect_eq(span, span_at(cells[in_span - 1]), "%zu: consecutive cells are of one span", sizes[i]);
        cr_expect_eq(span->state, SPAN_ACTIVE);
        take(sizes[i], in_span, in_span + 1);
        cr_expect_eq(span->state, SPAN_FULL, "%zu", sizes[i]);
        cr_expect_eq(span_used(span), in_span);
        give(0, wake - 1);
        cr_expect_eq(span->state, SPAN_FULL, "%zu after %zu frees", sizes[i], wake - 1);
        give(wake - 1, wake);
        cr_expect_eq(span->state, SPAN_PARTIAL, "%zu after %zu frees", sizes[i], wake);
        cr_expect_eq(span_used(span), in_span - wake);
        verify_own();
        give(wake, in_span + 1);
    }
}

Test(span, freed_cells_come_before_untouched_ones)
{
    size_t in_span = SLOT_SIZE / KIB(1), page = OS_PAGE / KIB(1);
    take(KIB(1), 0, in_span + 1);
    span_t *first = span_at(cells[0]), *second = span_at(cells[in_span]);
    give(0, 20);
    take(KIB(1), in_span + 1, in_span + page); /* what the second span's first page holds */
    cr_expect_eq(span_at(cells[in_span + page - 1]), second);
    take(KIB(1), 0, 20);
    for (size_t i = 0; i < 20; i++)
        cr_expect_eq(span_at(cells[i]), first);
    cr_expect_eq(first->state, SPAN_ACTIVE);
    cr_expect_eq(second->state, SPAN_PARTIAL);
    take(KIB(1), in_span + page, in_span + page + 1);
    cr_expect_eq(span_at(cells[in_span + page]), second);
    cr_expect_eq(first->state, SPAN_FULL);
    verify_own();
}

Test(span, one_empty_span_of_a_class_is_kept)
{
    size_t in_span = SLOT_SIZE / KIB(1);
    take(KIB(1), 0, 4 * in_span + 1);
    span_t *first = span_at(cells[0]), *second = span_at(cells[in_span]);
    size_t before = PAGE_STAT(slots_inuse);
    give(0, in_span);
    cr_expect_eq(first->state, SPAN_PARTIAL);
    cr_expect_eq(span_used(first), 0);
    give(in_span, 2 * in_span);
    cr_expect_eq(second->state, SPAN_NONE);
    cr_expect_eq(second->owner, 0);
    cr_expect_eq(PAGE_STAT(slots_inuse), before - 1);
    verify_own();
}

Test(span, all_are_given_back_when_empty)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t count = 5 * (SLOT_SIZE / sizes[i]);
        take(sizes[i], 0, count);
        cr_expect_eq(PAGE_STAT(slots_inuse), 5);
        give(0, count);
        cr_expect_leq(PAGE_STAT(slots_inuse), 2, "%zu", sizes[i]);
        trim_all(0);
        cr_expect_eq(PAGE_STAT(slots_inuse), 0, "%zu", sizes[i]);
        cr_expect_eq(cache.heap->spans, 0);
        verify_own();
    }
}

Test(span, pages_are_touched_one_after_the_other)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        trim_all(0);
        size_t count = SLOT_SIZE / sizes[i] / 2;
        take(sizes[i], 0, count);
        size_t pages = (count * sizes[i] + OS_PAGE - 1) / OS_PAGE;
        cr_expect_eq(span_at(cells[0])->touched, pages, "%zu", sizes[i]);
        cr_expect_eq(PAGE_STAT(touched), pages, "%zu", sizes[i]);
        give(0, count);
    }
}

Test(span, the_cache_goes_back_into_its_span)
{
    take(64, 0, 10);
    span_t *span = span_at(cells[0]);
    cr_expect_eq(span_used(span), OS_PAGE / 64, "a page's cells are cached or in use");
    span_deactivate(cache.heap, class_of(64));
    cr_expect_eq(span_used(span), 10);
    cr_expect_eq(span->state, SPAN_PARTIAL);
    verify_own();
    take(64, 10, 11);
    cr_expect_eq(span_at(cells[10]), span);
    cr_expect_eq(span->state, SPAN_ACTIVE);
    give(0, 11);
}

Test(span, freed_and_taken_at_random)
{
    enum { CELLS = 6000 };
    uint64_t random = 1;
    for (int step = 0; step < 200000; step++) {
        size_t i = random_below(&random, CELLS);
        if (cells[i])
            cr_assert(
                pattern_intact(cells[i], sizes[i % COUNT(sizes)] % 1000, sizes[i % COUNT(sizes)] % 1000, i));
        heap_free(cells[i]);
        cells[i] = NULL;
        if (random_below(&random, 1 + (size_t)step / 40000) == 0) { /* fewer and fewer */
            cells[i] = heap_malloc(sizes[i % COUNT(sizes)]);
            pattern_fill(cells[i], sizes[i % COUNT(sizes)] % 1000, i);
        }
        if (step % 512 == 0)
            verify_own();
    }
    give(0, CELLS);
    trim_all(0);
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
}

Test(span, none_to_be_had)
{
    control_set_hard_limit((int64_t)MIB(8));
    size_t count = 0;
    errno = 0;
    while ((cells[count] = heap_malloc(4096)) != NULL)
        cr_assert_lt(++count, MIB(8) / 4096);
    cr_expect_eq(errno, ENOMEM);
    cr_expect_gt(count, MIB(7) / 4096);
    verify_own();
    give(0, count / 2);
    for (size_t i = 0; i < count / 4; i++)
        cr_expect_not_null(heap_malloc(4096));
    verify_own();
}

/* In a heap that is large enough for huge pages. */
Test(span, a_cell_of_each_class_takes_no_huge_page)
{
    char *large = heap_malloc(MIB(64));
    memset(large, 1, MIB(64));
    size_t before = PAGE_STAT(touched);
    for (size_t i = 0; i < COUNT(sizes); i++)
        cr_assert_not_null(cells[i] = heap_malloc(sizes[i]));
    cr_expect_leq(PAGE_STAT(touched) - before, COUNT(sizes) * SLOT_PAGES);
    give(0, COUNT(sizes));
    heap_free(large);
}
