/* slack: touched pages behind large objects are released, and no chunk without such pages is searched. */
#include <criterion/criterion.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/pages/purge.h"
#include "runtime/pages/slack.h"
#include "tests/unit/support.h"

enum { WHOLE = SLOT_SIZE - OS_PAGE, PART = 9 * OS_PAGE, SLOTS = 40 * CHUNK_SLOTS };

static void *blocks[SLOTS];

static void *written(size_t size)
{
    return memset(heap_malloc(size), 1, size);
}

/* Blocks that use nearly all of their slots, in 40 chunks. */
static void fill(void)
{
    pass_held_frees();
    pages_set_gc_percent(-1);
    for (size_t i = 0; i < SLOTS; i++)
        blocks[i] = written(WHOLE);
}

/* Replace the blocks in the second half of the last chunk by smaller ones. */
static size_t make_slack(void)
{
    size_t first = SLOTS - CHUNK_SLOTS / 2;
    for (size_t i = first; i < SLOTS; i++)
        heap_free(blocks[i]);
    for (size_t i = first; i < SLOTS; i++)
        blocks[i] = written(PART);
    return PAGE_STAT(pages_slack);
}

/* pages_trim takes the pages' lock itself. */
static uint64_t searches_of_trim(void)
{
    uint64_t before = slack_searches();
    pages_trim(SIZE_MAX);
    return slack_searches() - before;
}

Test(slack, chunks_without_any_are_not_searched)
{
    fill();
    cr_expect_eq(searches_of_trim(), 0);
    cr_expect_geq(make_slack(), CHUNK_SLOTS / 2 * (WHOLE - PART) / OS_PAGE);
    cr_expect_leq(searches_of_trim(), 2);
    cr_expect_eq(PAGE_STAT(pages_slack), 0);
    cr_expect_eq(searches_of_trim(), 0);
    pages_verify();
}

Test(slack, neither_are_they_at_each_allocation_near_a_hard_limit)
{
    fill();
    pages_trim(0);
    set_limits(INT64_MAX,
               (int64_t)(PAGE_STAT(touched) * OS_PAGE + region_table_bytes() + PAGE_STAT(metadata) + MIB(1)));
    uint64_t before = slack_searches();
    enum { TURNS = 1000 };
    for (size_t i = 0; i < TURNS; i++) {
        heap_free(blocks[i]);
        blocks[i] = written(PART + i % 7 * OS_PAGE);
        heap_free(blocks[i + 1]);
        cr_assert_not_null(blocks[i + 1] = heap_malloc(WHOLE));
    }
    cr_expect_leq(slack_searches() - before, 2 * TURNS);
    pages_verify();
}

Test(slack, what_the_kernel_refuses_is_left_out_for_a_round)
{
    fill();
    size_t slack = make_slack();
    char *locked = (char *)blocks[SLOTS - 1] + PART;
    if (syscall(SYS_mlock, locked, OS_PAGE) != 0) /* a sanitizer's mlock does nothing */
        cr_skip_test("no memory may be locked");
    pages_trim(SIZE_MAX);
    cr_expect_lt(PAGE_STAT(pages_slack), slack);
    cr_expect_gt(PAGE_STAT(pages_slack), 0);
    cr_expect_gt(searches_of_trim(), 0, "it asks anew");
    uint64_t before = slack_searches();
    set_limits(INT64_MAX, (int64_t)(PAGE_STAT(touched) * OS_PAGE));
    for (int i = 0; i < 100; i++)
        heap_free(heap_malloc(PART));
    cr_expect_leq(slack_searches() - before, 2);
    syscall(SYS_munlock, locked, OS_PAGE);
    pages_trim(SIZE_MAX);
    cr_expect_eq(PAGE_STAT(pages_slack), 0);
    pages_verify();
}
