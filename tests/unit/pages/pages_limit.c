/* pages_limit: what the limits release, refuse and ask for. */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "runtime/pages/pages_lock.h"
#include "runtime/pages/runs_take.h"
#include "tests/unit/pages/pages_tests.h"
#include "tests/unit/support.h"

static size_t held_of(const page_stats_t *held)
{
    return idle_of(held) + held->pages_inuse * OS_PAGE + held->huge_inuse;
}

/* --- limits --- */

Test(pages_limit, the_soft_limit_releases_before_it_is_passed)
{
    start(-1);
    blocks_take(40);
    for (size_t i = 0; i < 40; i++)
        block_give(&blocks[i]);
    set_limits((int64_t)MIB(48), INT64_MAX);
    for (size_t i = 0; i < 7; i++) {
        size_t size = MIB(6);
        cr_assert_not_null(pages_take_huge(&size, SLOT_SIZE, false));
        page_stats_t held = pages_stats();
        cr_assert_leq(held_of(&held), MIB(48), "after %zu", i + 1);
        cr_assert_not(pages_is_pressed());
    }
    cr_expect_gt(PAGE_STAT(limit_releases), 0);
    blocks_take(20);
    cr_expect(pages_is_pressed(), "over the soft limit, and nothing idle is left");
    cr_expect_eq(PAGE_STAT(refusals), 0);
}

static struct {
    int calls;
    size_t wanted;
} refused;

static void on_refusal(void *context, size_t wanted)
{
    refused.calls++;
    refused.wanted = wanted;
    block_give(context);
    errno = 0;
}

Test(pages_limit, the_hard_limit_refuses)
{
    start(100);
    set_limits(INT64_MAX, (int64_t)MIB(16));
    size_t count = 0;
    while ((blocks[count] = block_take()) != 0)
        cr_assert_lt(++count, 17);
    cr_expect_eq(errno, ENOMEM);
    cr_expect_geq(count, 14);
    cr_expect_eq(PAGE_STAT(refusals), 1);
    size_t size = MIB(8);
    errno = 0;
    cr_expect_null(pages_take_huge(&size, SLOT_SIZE, false));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_eq(pages_requested, PAGES_REQUEST_LIMIT);
    cr_expect_eq(PAGE_STAT(refusals), 1, "not before a cycle has been run");
    pages_retry_begins();
    cr_expect_null(pages_take_huge(&size, SLOT_SIZE, false));
    pages_retry_ends();
    cr_expect_eq(PAGE_STAT(refusals), 2);
    set_limits(INT64_MAX, INT64_MAX);
    cr_expect_neq(block_take(), 0);
    pages_verify();
}

/* What the limit counts may grow without the lock, by small spans of other threads: between the question
 * whether the limit refuses and the attempt with another chunk. Giving up commitment never helps then. Before,
 * it was repeated for ever, with the lock, since each new chunk gave it something to give up. */
Test(pages_limit, giving_up_commitment_is_no_answer_to_the_limit)
{
    start(100);
    blocks_take(64);
    for (size_t i = 0; i < 64; i++)
        block_give(&blocks[i]);
    trim_all(0);
    set_limits(INT64_MAX, (int64_t)MIB(8));
    for (size_t count = 0; (blocks[count] = block_take()) != 0; count++)
        cr_assert_lt(count, 8);
    enum runs_lack lack = RUNS_FULL;
    lock_acquire(&pages_lock);
    uint32_t slot = runs_take_new(2 * BLOCK, (size_t)2 * BLOCK * SLOT_PAGES, 1, false, &lack);
    lock_release(&pages_lock);
    cr_expect_eq(slot, 0u);
    cr_expect_eq(lack, RUNS_NOT_ADMITTED);
    pages_verify();
}

Test(pages_limit, the_program_is_asked_once_and_may_make_room)
{
    start(100);
    set_limits(INT64_MAX, (int64_t)MIB(16));
    size_t count = 0;
    while ((blocks[count] = block_take()) != 0)
        count++;
    pages_set_refusal_callback(on_refusal, &blocks[0]);
    cr_expect_neq(block_take(), 0, "the callback freed a block");
    cr_expect_eq(refused.calls, 1);
    cr_expect_eq(refused.wanted, MIB(1));
    cr_expect_eq(block_take(), 0, "now it had none to free");
    cr_expect_eq(errno, ENOMEM);
    cr_expect_eq(refused.calls, 2);
    pages_verify();
}

Test(pages_limit, idle_huge_memory_counts_against_the_limits)
{
    enum { COUNT_OF = 40 };
    void *memory[COUNT_OF];
    size_t sizes[COUNT_OF];
    start(-1);
    for (size_t i = 0; i < COUNT_OF; i++) {
        memory[i] = pages_take_huge(&(size_t){sizes[i] = MIB(3)}, SLOT_SIZE, false);
        memset(memory[i], 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT_OF; i += 2) /* holes that no larger block fits into */
        pages_give_huge(memory[i], sizes[i]);
    set_limits((int64_t)MIB(160), INT64_MAX);
    for (size_t i = 0; i < 7; i++) {
        size_t size = MIB(12);
        cr_assert_not_null(pages_take_huge(&size, SLOT_SIZE, false));
        page_stats_t held = pages_stats();
        cr_assert_leq(held_of(&held), MIB(160), "after %zu", i + 1);
    }
}
