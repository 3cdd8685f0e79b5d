/* limit: the hard limit refuses only what does not fit: what can become resident is charged, and idle memory
 * is released before a refusal. */
#include <criterion/criterion.h>
#include <errno.h>

#include "runtime/cells/cache.h"
#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "tests/unit/support.h"

static void *blocks[200 * 1024];

/* The hard limit, so many bytes above what is held now. */
static void leave(size_t bytes)
{
    heap_free(heap_malloc(1));
    trim_all(0);
    page_stats_t held = pages_stats();
    control_set_hard_limit((int64_t)(held.touched * OS_PAGE + held.huge_inuse + held.huge_idle +
                                     region_table_bytes() + held.metadata + bytes));
}

static size_t fill(size_t size, size_t most)
{
    size_t count = 0;
    while (count < most && (blocks[count] = heap_malloc(size)) != NULL)
        memset(blocks[count++], 1, size);
    return count;
}

static void empty(size_t count)
{
    for (size_t i = 0; i < count; i++)
        heap_free(blocks[i]);
}

Test(limit, a_span_is_charged_by_the_page)
{
    size_t pages = 0;
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        pages += (class_size(cls) + OS_PAGE - 1) / OS_PAGE;
    leave(pages * OS_PAGE + KIB(64));
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        cr_assert_not_null(heap_malloc(class_size(cls)), "%u", class_size(cls));
    cr_expect_eq(PAGE_STAT(refusals), 0);
    verify_own();
}

Test(limit, and_refused_by_the_page)
{
    leave(MIB(1));
    size_t count = fill(64, COUNT(blocks));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_geq(count * 64, MIB(1) - KIB(64));
    cr_expect_leq(count * 64, MIB(1));
    cr_expect_eq(PAGE_STAT(refusals), 1);
    empty(count);
    cr_expect_eq(fill(64, COUNT(blocks)), count, "all of it can be had again");
    verify_own();
}

/* Each large object takes a slot that small ones have touched throughout. */
Test(limit, touched_ends_of_slots_go_back_before_a_refusal)
{
    enum { SMALL = 1000, LARGE = 33000 };
    leave(MIB(20));
    size_t small = fill(SMALL, MIB(16) / SMALL), taken = 0;
    cr_assert_eq(small, MIB(16) / SMALL);
    static void *large[MIB(16) / LARGE];
    for (size_t i = 0; i < COUNT(large); i++) {
        for (; taken < small && taken * SMALL < (i + 1) * LARGE; taken++)
            heap_free(blocks[taken]);
        large[i] = heap_malloc(LARGE);
        cr_assert_not_null(large[i], "%zu of %zu", i, COUNT(large));
        memset(large[i], 1, LARGE);
    }
    pages_verify();
}

Test(limit, pages_that_move_count_once)
{
    enum { LIMIT = MIB(64), GROWN = LIMIT / 20 * 19 };
    leave(LIMIT);
    char *block = NULL;
    for (size_t size = KIB(4), old = 0; old < GROWN;) {
        char *grown = heap_realloc(block, size);
        cr_assert_not_null(grown, "%zu KiB of %d", size >> 10, LIMIT >> 10);
        memset(grown + old, (int)(size >> 12), size - old);
        block = grown;
        old = size;
        size = size + size / 9 + KIB(4) > GROWN ? GROWN : size + size / 9 + KIB(4);
    }
    page_stats_t held = pages_stats();
    cr_expect_eq(held.huge_moving, 0);
    cr_expect_eq(block[0], 1);
    heap_free(block);
    cr_expect_eq(PAGE_STAT(huge_inuse), 0);
    pages_verify();
}

/* --- the charge against the kernel's count --- */

enum { THREADS = 3, KEPT = 3000, ROUNDS = 12 };

static struct {
    char *at[KEPT];
    uint64_t random;
} programs[THREADS];

static size_t random_size(uint64_t *random)
{
    static const size_t most[] = {64, 1000, 5000, 40000, 300000, KIB(3000)};
    size_t pick = random_below(random, 1000);
    size_t kind = pick < 400 ? 0 : pick < 750 ? 1 : pick < 940 ? 2 : pick < 990 ? 3 : pick < 998 ? 4 : 5;
    return 1 + random_below(random, most[kind]);
}

/* All that is allocated is written. A block may be resized, and freed by another thread than the one that
 * allocated it. */
static void run_program(size_t number)
{
    uint64_t *random = &programs[number].random;
    *random += number + 1;
    for (int i = 0; i < 4000; i++) {
        char **at = &programs[number].at[random_below(random, KEPT)];
        size_t size = random_size(random);
        char *block = random_below(random, 4) ? NULL : heap_realloc(*at, size);
        if (!block) {
            heap_free(*at);
            block = heap_malloc(size);
        }
        memset(block, 1, heap_usable_size(block));
        *at = block;
    }
    if (random_below(random, 3) == 0)
        for (size_t i = 0; i < KEPT; i++)
            if (random_below(random, 10)) {
                heap_free(programs[number].at[i]);
                programs[number].at[i] = NULL;
            }
}

/* The charge as the limits count it, without the tables outside of the region. The extent allocator's tables
 * lie inside. */
static void check_charge(int round)
{
    enum { BOUND = KIB(256) };
    page_stats_t held = pages_stats();
    size_t charged = held.touched * OS_PAGE + held.huge_inuse + held.huge_idle + region_table_bytes();
    size_t resident = resident_region(), own = pages_extents_metadata();
    cr_expect_leq(resident, charged + own + BOUND, "round %d: %zu KiB charged, %zu resident", round,
                  charged >> 10, resident >> 10);
    cr_expect_geq(resident + resident / 100 + BOUND, charged, "round %d: %zu KiB charged, %zu resident",
                  round, charged >> 10, resident >> 10);
}

Test(limit, what_is_charged_is_what_the_kernel_counts, .disabled = SANITIZED)
{
    uint64_t random = 5;
    for (int round = 0; round < ROUNDS; round++) {
        threads_run(THREADS, run_program);
        if (round % 4 == 3)
            trim_all(random_below(&random, MIB(8)));
        check_charge(round);
    }
    pages_verify();
}
