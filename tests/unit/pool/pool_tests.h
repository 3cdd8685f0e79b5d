/* pool_tests: what the tests of pools share. */
#ifndef WEIR_TESTS_UNIT_POOL_TESTS_H
#define WEIR_TESTS_UNIT_POOL_TESTS_H

#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include "pool/pool.h"
#include "runtime/config/options.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/support.h"

/* Poolcheck is off, so that the magazines are tested under AddressSanitizer too. */
static inline void start(void)
{
    heap_free(heap_malloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
}

enum { BURST = 64, MANY = 1000 };

__attribute__((unused)) static atomic_int made, dropped, resets;

static inline void *make_counted(void *ctx)
{
    made++;
    return heap_malloc(ctx ? (size_t)(uintptr_t)ctx : 100);
}

static inline void drop_counted(void *ctx, void *p)
{
    (void)ctx;
    dropped++;
    heap_free(p);
}

__attribute__((unused)) static const weir_pool_options counted = {
    .new_object = make_counted, .drop = drop_counted, .name = "counted"};

static inline void age(void)
{
    cr_assert(cycle_run(CYCLE_FORCED));
}

static inline void check_algebra(weir_pool *pool)
{
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.gets, stats.hits + stats.misses);
    cr_expect_eq(stats.held, stats.puts - stats.hits - stats.drops);
    cr_expect_eq(stats.drops, (uint64_t)dropped);
}

__attribute__((unused)) static weir_pool *shared;

__attribute__((unused)) static _Atomic int stage;

__attribute__((unused)) static atomic_bool over;

static inline void churn(size_t number)
{
    (void)number;
    void *held[BURST];
    while (!over) {
        for (int i = 0; i < BURST; i++)
            CHECK((held[i] = weir_pool_get(shared)) != NULL);
        for (int i = 0; i < BURST; i++)
            weir_pool_put(shared, held[i]);
    }
}

static inline void *churn_in_threads(void *unused)
{
    threads_run(2, churn);
    return unused;
}

#endif
