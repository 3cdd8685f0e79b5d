/* pool_check: poolcheck reports each misuse, and what is right passes. */
#include <criterion/criterion.h>
#include <signal.h>

#include "pool/pool.h"
#include "runtime/config/options.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/support.h"

static int dropped;

static void *make(void *ctx)
{
    (void)ctx;
    return heap_malloc(100);
}

static void drop(void *ctx, void *p)
{
    (void)ctx;
    dropped++;
    heap_free(p);
}

static weir_pool *start(void)
{
    heap_free(heap_malloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_ON;
    return weir_pool_new(&(weir_pool_options){.new_object = make, .drop = drop, .name = "checked"});
}

Test(pool_check, contents_are_kept)
{
    weir_pool *pool = start();
    char *held[50];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 50; i++) {
            held[i] = weir_pool_get(pool);
            cr_assert(round == 0 || pattern_intact(held[i], 100, 100, (uintptr_t)held[i]));
            pattern_fill(held[i], 100, (uintptr_t)held[i]);
        }
        for (int i = 0; i < 50; i++)
            weir_pool_put(pool, held[i]);
    }
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.held, 50);
    cr_expect_eq(stats.hits, 450);
    cr_expect_eq(stats.misses, 50);
    cycle_run(CYCLE_FORCED);
    cr_expect_eq(dropped, 0);
    cycle_run(CYCLE_FORCED);
    cr_expect_eq(dropped, 50);
    weir_pool_free(pool);
    verify_own();
}

Test(pool_check, late_puts_are_dropped)
{
    weir_pool *pool = start();
    void *p = weir_pool_get(pool), *q = weir_pool_get(pool);
    weir_pool_put(pool, p);
    weir_pool_free(pool);
    weir_pool_put(pool, q);
    cr_expect_eq(dropped, 2);
}

Test(pool_check, anything_goes_into_a_pool_that_makes_nothing)
{
    start();
    weir_pool *pool = weir_pool_new(NULL);
    static int mine;
    weir_pool_put(pool, &mine);
    weir_pool_put(pool, heap_malloc(20));
    void *p = weir_pool_get(pool), *q = weir_pool_get(pool);
    cr_expect(p == &mine || q == &mine);
}

Test(pool_check, double_put, .signal = SIGABRT)
{
    weir_pool *pool = start();
    void *p = weir_pool_get(pool);
    weir_pool_put(pool, p);
    weir_pool_put(pool, p);
}

Test(pool_check, foreign_put, .signal = SIGABRT)
{
    weir_pool *pool = start();
    weir_pool_put(pool, heap_malloc(100));
}

Test(pool_check, put_into_the_wrong_pool, .signal = SIGABRT)
{
    weir_pool *pool = start(), *other = start();
    weir_pool_put(other, weir_pool_get(pool));
}

/* AddressSanitizer sees the write itself, at once, and ends the process its own way. */
static void write_after_put(void)
{
#ifdef __SANITIZE_ADDRESS__
    raise(SIGABRT);
#else
    weir_pool *pool = start();
    char *p = weir_pool_get(pool);
    weir_pool_put(pool, p);
    p[50] = 1;
    weir_pool_get(pool);
#endif
}

Test(pool_check, write_after_put_is_seen_at_get, .signal = SIGABRT)
{
    write_after_put();
}

Test(pool_check, with_onerror_warn_the_put_does_nothing)
{
    weir_pool *pool = start();
    options.onerror = OPTIONS_ONERROR_WARN;
    void *p = weir_pool_get(pool);
    weir_pool_put(pool, p);
    weir_pool_put(pool, p);
    cr_expect_eq(weir_pool_get(pool), p);
    cr_expect_neq(weir_pool_get(pool), p);
}

Test(pool_check, automatic_under_a_tool_only)
{
    start();
    options.poolcheck = OPTIONS_POOLCHECK_AUTO;
    weir_pool *pool = weir_pool_new(NULL);
#ifdef __SANITIZE_ADDRESS__
    cr_expect_not_null(pool->check);
#else
    cr_expect_null(pool->check);
#endif
}

/* A buffer pool takes what weir_free takes; a buffer put twice is seen all the same. */
Test(pool_check, any_block_goes_into_a_buffer_pool)
{
    start();
    weir_buffer_pool_put(weir_buffer_pool_get(1000)); /* the pool is there */
    weir_buffer_pool_put(heap_malloc(1024));
    weir_buffer_pool_put(heap_malloc(1500));
    weir_buffer_pool_put(heap_calloc(10, 100));
    char *p = weir_buffer_pool_get(1000);
    cr_assert_not_null(p);
    memset(p, 1, 1000);
}

Test(pool_check, a_buffer_is_put_twice, .signal = SIGABRT)
{
    start();
    weir_buffer_pool_put(weir_buffer_pool_get(1000));
    void *p = heap_malloc(1024);
    weir_buffer_pool_put(p);
    weir_buffer_pool_put(p);
}
