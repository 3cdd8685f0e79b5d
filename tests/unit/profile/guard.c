/* Guarded blocks do what blocks have to do. What is reported is tested by tests/preload/guard.sh. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <weir/stats.h>

#include "runtime/profile/guard.h"
#include "tests/unit/support.h"

/* Before the first call into the heap, which reads the environment. */
static void guard_every(const char *so_many)
{
    setenv("WEIR_DEBUG", so_many, 1);
}

Test(guard, blocks_of_every_size_and_alignment)
{
    guard_every("guard=1");
    size_t guarded = 0;
    for (size_t alignment = 1; alignment <= KIB(64); alignment *= 2)
        for (size_t size = 1; size <= 5000; size += size / 3 + 1) {
            char *p = heap_aligned(alignment, size);
            cr_assert(p && (uintptr_t)p % alignment == 0);
            size_t usable = heap_usable_size(p);
            cr_assert_geq(usable, size);
            memset(p, 1, usable);
            guarded += guard_owns(p);
            heap_free_sized(p, size);
        }
    cr_expect_gt(guarded, 100);
    verify_own();
}

Test(guard, realloc_moves_and_keeps)
{
    guard_every("guard=1");
    realloc_moves_and_keeps(KIB(4));
    verify_own();
}

/* While all pages are in use, blocks are ordinary ones. A freed page is used again after all pages that were
 * freed before. */
Test(guard, pages_are_few_and_wait_long)
{
    guard_every("guard=1");
    static char *blocks[GUARD_SLOTS];
    for (int i = 0; i < GUARD_SLOTS; i++) {
        blocks[i] = heap_malloc(100);
        cr_assert(guard_owns(blocks[i]), "%d", i);
    }
    char *ordinary = heap_malloc(100);
    cr_expect_not(guard_owns(ordinary));
    heap_free(ordinary);
    for (int i = 0; i < 3; i++)
        heap_free(blocks[i]);
    for (int i = 0; i < 3; i++) {
        char *p = NULL;
        for (int tries = 0; tries < 10000 && !guard_owns(p); tries++)
            p = heap_malloc(100);
        cr_assert(guard_owns(p));
        cr_expect_eq((uintptr_t)p / OS_PAGE, (uintptr_t)blocks[i] / OS_PAGE);
    }
    verify_own();
}

/* Counted as cells of their classes. */
Test(guard, the_account_has_them)
{
    guard_every("guard=1");
    static weir_mem_stats before, during, after;
    heap_free(heap_malloc(1));
    weir_read_mem_stats(&before);
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = heap_malloc(100);
    weir_read_mem_stats(&during);
    for (int i = 0; i < 100; i++)
        heap_free(blocks[i]);
    weir_read_mem_stats(&after);
    cr_expect_eq(during.heap_alloc - before.heap_alloc, 100 * 112);
    cr_expect_eq(after.heap_alloc, before.heap_alloc);
    cr_expect_eq(after.mallocs - before.mallocs, 100);
    cr_expect_eq(after.frees - before.frees, 100);
}

Test(guard, one_in_so_many)
{
    guard_every("guard=100");
    int guarded = 0;
    for (int i = 0; i < 100000; i++) {
        void *p = heap_malloc(64);
        guarded += guard_owns(p);
        heap_free(p);
    }
    cr_expect(guarded > 700 && guarded < 1300, "%d",
              guarded); /* 1000, give or take ten standard deviations */
}

Test(guard, off_means_none)
{
    for (int i = 0; i < 1000; i++)
        cr_assert_not(guard_owns(heap_malloc(64)));
    cr_expect_not(guard_is_on());
}

/* Blocks are freed by other threads than those that asked for them. */
static void *_Atomic shared[64];

static void *pass_on(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    for (int i = 0; i < 5000; i++) {
        char *mine = heap_malloc(random_next(&random) % 300 + 1);
        mine[0] = 1;
        heap_free(atomic_exchange(&shared[random_next(&random) % 64], mine));
    }
    return NULL;
}

Test(guard, threads_pass_blocks_on)
{
    guard_every("guard=3");
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, pass_on, (void *)(i + 1));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 64; i++)
        heap_free(shared[i]);
    verify_own();
}
