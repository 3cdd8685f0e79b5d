/* spare: a thread's spare runs: when a thread gets a share, what it allocates from it, and that all of it is
 * given back. */
#include <criterion/criterion.h>

#include "runtime/cells/cache.h"
#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "runtime/malloc/spare.h"
#include "tests/unit/support.h"

enum { LIVE = 64 };

typedef struct block {
    void *p;
    size_t size;
    uint64_t seed;
} block_t;

typedef struct churn {
    block_t blocks[LIVE];
    uint64_t random;
    size_t least, most;
} churn_t;

static void churn_step(churn_t *churn)
{
    block_t *block = &churn->blocks[random_below(&churn->random, LIVE)];
    if (block->p) {
        CHECK(pattern_intact(block->p, block->size, block->size, block->seed), "%zu bytes", block->size);
        heap_free(block->p);
    }
    block->size = churn->least + random_below(&churn->random, churn->most - churn->least);
    block->seed = random_next(&churn->random);
    block->p = heap_malloc(block->size);
    CHECK(block->p && heap_usable_size(block->p) >= block->size, "%zu", block->size);
    pattern_fill(block->p, block->size, block->seed);
}

static void churn_run(churn_t *churn, int steps)
{
    for (int i = 0; i < steps; i++)
        churn_step(churn);
}

static void churn_end(churn_t *churn)
{
    for (int i = 0; i < LIVE; i++)
        heap_free(churn->blocks[i].p);
    memset(churn->blocks, 0, sizeof churn->blocks);
}

static void start(void)
{
    heap_free(heap_malloc(1));
    trim_all(0);
}

Test(spare, who_replaces_blocks_gets_a_share_and_gives_it_back)
{
    static churn_t churn = {.random = 1, .least = KIB(33), .most = KIB(200)};
    start();
    churn_run(&churn, 5000);
    const struct spare *spare = &cache.heap->spare;
    cr_expect_gt(spare->share, 0);
    cr_expect_leq(spare->bytes, spare->share);
    cr_expect_eq(PAGE_STAT(spare), spare->share);
    churn_end(&churn);
    trim_all(0);
    cr_expect_eq(spare->bytes, 0);
    cr_expect_eq(PAGE_STAT(spare), 0);
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
    cr_expect_eq(PAGE_STAT(touched), 0);
    pages_verify();
}

Test(spare, so_does_who_replaces_cells_that_fill_spans)
{
    static churn_t churn = {.random = 2, .least = KIB(8), .most = KIB(30)};
    start();
    churn_run(&churn, 20000);
    cr_expect_gt(cache.heap->spare.share, 0);
    churn_end(&churn);
    trim_all(0);
    cr_expect_eq(PAGE_STAT(spare), 0);
    cr_expect_leq(PAGE_STAT(slots_inuse), 0);
}

Test(spare, growing_and_shrinking_earn_none)
{
    enum { COUNT_OF = 300 };
    static char *blocks[COUNT_OF];
    start();
    for (size_t i = 0; i < COUNT_OF; i++)
        blocks[i] = heap_malloc(KIB(100));
    for (size_t i = 0; i < COUNT_OF; i++)
        heap_free(blocks[i]);
    cr_expect_eq(cache.heap->spare.share, 0);
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
}

/* Spare runs still hold what was written in them. They are larger than the size asked for by at most an
 * eighth (the bin) and a quarter. */
Test(spare, sizes_and_zeroes)
{
    static churn_t churn = {.random = 3, .least = KIB(33), .most = KIB(1000)};
    start();
    for (int i = 0; i < 4000; i++) {
        churn_step(&churn);
        size_t size = SMALL_MAX + 1 + random_below(&churn.random, KIB(900));
        char *p = heap_calloc(1, size);
        cr_assert(is_zero(p, size), "%zu", size);
        cr_assert_leq(heap_usable_size(p), size + size / 4 + size / 8 + OS_PAGE);
        heap_free(p);
    }
    cr_expect_gt(cache.heap->spare.share, 0);
    churn_end(&churn);
    trim_all(0);
    cr_expect_eq(PAGE_STAT(touched), 0);
    pages_verify();
}

Test(spare, nothing_is_kept_at_0_percent)
{
    static churn_t churn = {.random = 4, .least = KIB(33), .most = KIB(200)};
    start();
    control_set_gc_percent(0);
    churn_run(&churn, 3000);
    cr_expect_eq(cache.heap->spare.share, 0);
}

/* --- many threads --- */

enum { THREADS = 32 };
static struct {
    pthread_barrier_t churned, done;
} meet;

static void *churn_and_wait(void *argument)
{
    churn_t churn = {.random = (uintptr_t)argument, .least = KIB(33), .most = KIB(200)};
    churn_run(&churn, 1000);
    pthread_barrier_wait(&meet.churned);
    pthread_barrier_wait(&meet.done);
    churn_end(&churn);
    return NULL;
}

Test(spare, shares_are_bounded_together_and_end_with_their_threads)
{
    pthread_t threads[THREADS];
    start();
    pthread_barrier_init(&meet.churned, NULL, THREADS + 1);
    pthread_barrier_init(&meet.done, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn_and_wait, (void *)(i + 1)), 0);
    pthread_barrier_wait(&meet.churned);
    page_stats_t held = pages_stats();
    size_t inuse = held.pages_inuse * OS_PAGE;
    cr_expect_gt(held.spare, 0);
    cr_expect_leq(held.spare, inuse / 8 + MIB(8), "%zu of %zu", held.spare, inuse);
    pthread_barrier_wait(&meet.done);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(PAGE_STAT(spare), 0);
    pages_verify();
}

/* --- a limit --- */

Test(spare, near_a_limit_nothing_is_kept)
{
    static churn_t churn = {.random = 5, .least = KIB(33), .most = KIB(200)};
    start();
    churn_run(&churn, 3000);
    control_set_memory_limit((int64_t)MIB(1));
    churn_run(&churn, 200);
    cr_expect(pages_is_pressed());
    churn_run(&churn, 200);
    size_t spare = cache.heap->spare.bytes;
    churn_run(&churn, 200);
    cr_expect_leq(cache.heap->spare.bytes, spare);
    control_set_memory_limit(INT64_MAX);
}

/* The spare runs could have served instead of the idle memory that was released. */
Test(spare, what_is_kept_goes_when_idle_memory_has_gone_for_a_limit)
{
    static churn_t churn = {.random = 6, .least = KIB(33), .most = KIB(200)};
    start();
    churn_run(&churn, 5000);
    cr_assert_gt(cache.heap->spare.share, 0);
    heap_free(heap_malloc(MIB(8)));
    size_t releases = PAGE_STAT(limit_releases);
    control_set_memory_limit((int64_t)(pages_inuse() + MIB(2)));
    cr_assert_gt(PAGE_STAT(limit_releases), releases);
    cr_expect_not(pages_is_pressed());
    heap_free(churn.blocks[0].p);
    churn.blocks[0].p = NULL;
    cr_expect_eq(cache.heap->spare.share, 0);
    cr_expect_eq(cache.heap->spare.bytes, 0);

    control_set_memory_limit(INT64_MAX);
    churn_run(&churn, 5000);
    cr_expect_gt(cache.heap->spare.share, 0, "nothing has gone since");
}
