/* pool_watch: what pools report to heaptrack. The test stands in for heaptrack. */
#include <criterion/criterion.h>

#include "pool/pool.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/heaptrack.h"

static void *make(void *ctx)
{
    (void)ctx;
    return heap_malloc(100);
}

Test(pool_watch, a_get_allocates_and_a_put_frees)
{
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.new_object = make});
    void *held[10];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++)
            held[i] = weir_pool_get(pool);
        cr_expect_eq(told_count, 10);
        cr_expect_eq(told[0].size, heap_usable_size(told[0].object));
        for (int i = 0; i < 10; i++)
            weir_pool_put(pool, held[i]);
        cr_expect_eq(told_count, 0);
    }
    void *leaked = weir_pool_get(pool);
    cycle_run(CYCLE_FORCED);
    cycle_run(CYCLE_FORCED);
    cr_expect_eq(told_count, 1, "what is dropped was freed when it was put");
    cr_expect_eq(told[0].object, leaked);
    weir_pool_free(pool);
    weir_pool_put(pool, leaked);
    cr_expect_eq(told_count, 0, "a late put");
}

Test(pool_watch, of_what_was_never_got_nothing_is_told)
{
    weir_pool *pool = weir_pool_new(NULL);
    weir_pool_put(pool, heap_malloc(10));
    cr_expect_eq(told_count, 0);
    void *p = weir_pool_get(pool);
    cr_expect_eq(told_count, 1);
    weir_pool_put(pool, p);
    weir_pool_free(pool);
    cr_expect_eq(told_count, 0);
}

static void *make_elsewhere(void *ctx)
{
    return ctx;
}

static void drop_nothing(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

Test(pool_watch, memory_of_another_malloc_is_not_told_of_twice)
{
    static char object[100];
    weir_pool *pool = weir_pool_new(
        &(weir_pool_options){.new_object = make_elsewhere, .drop = drop_nothing, .ctx = object});
    weir_pool_put(pool, weir_pool_get(pool));
    cr_expect_eq(told_count, 0);
    weir_pool_free(pool);
}
