/* pool_age: when what is in a pool is given up: at cycles, at limits, as the heap grows. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "pool/pool.h"
#include "runtime/config/options.h"
#include "runtime/control/control.h"
#include "tests/unit/pool/pool_tests.h"
#include "tests/unit/support.h"

/* --- cycles --- */

Test(pool_age, what_is_not_used_is_dropped_at_the_second_cycle)
{
    start();
    static void *held[MANY];
    weir_pool *pool = weir_pool_new(&counted);
    for (int i = 0; i < MANY; i++)
        held[i] = weir_pool_get(pool);
    for (int i = 0; i < MANY; i++)
        weir_pool_put(pool, held[i]);
    age();
    cr_expect_eq(dropped, 0);
    void *p = weir_pool_get(pool);
    cr_expect_eq(made, MANY, "victims are used again");
    weir_pool_put(pool, p);
    check_algebra(pool);
    age();
    /* The magazine that p came with is young again. */
    cr_expect_geq(dropped, MANY - MAGAZINE_ROUNDS);
    cr_expect_lt(dropped, MANY);
    age();
    cr_expect_eq(dropped, MANY);
    check_algebra(pool);
    weir_pool_free(pool);
}

Test(pool_age, the_limit_empties_it_at_once)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    weir_pool_put(pool, weir_pool_get(pool));
    control_set_memory_limit(1);
    cr_expect_eq(dropped, 1);
    weir_pool_free(pool);
}

static void wait_for(int what)
{
    while (stage != what)
        usleep(100);
}

static void fill_and_sleep(size_t number)
{
    (void)number;
    static void *held[BURST];
    for (int i = 0; i < BURST; i++)
        held[i] = weir_pool_get(shared);
    for (int i = 0; i < BURST; i++)
        weir_pool_put(shared, held[i]);
    stage = 1;
    wait_for(2);
    weir_pool_put(shared, weir_pool_get(shared));
}

Test(pool_age, a_sleeping_thread_keeps_nothing)
{
    start();
    shared = weir_pool_new(&counted);
    pthread_t thread;
    struct threads_start start = {fill_and_sleep, 0};
    pthread_create(&thread, NULL, threads_enter, &start);
    wait_for(1);
    age();
    age();
    cr_expect_eq(dropped, BURST);
    stage = 2;
    pthread_join(thread, NULL);
    cr_expect_eq(made, BURST + 1);
    check_algebra(shared);
    weir_pool_free(shared);
}

enum { BIG = 1 << 20, BIG_COUNT = 500 };

static void fill_big(weir_pool *pool)
{
    static void *held[BIG_COUNT];
    for (int i = 0; i < BIG_COUNT; i++)
        memset(held[i] = weir_pool_get(pool), 1, BIG);
    for (int i = 0; i < BIG_COUNT; i++)
        weir_pool_put(pool, held[i]);
}

/* ThreadSanitizer may leave so few addresses that the account of the region's tables is far too high. */
static void start_big(void)
{
    start();
    if (WATCHED)
        cr_skip_test("depends on how many addresses there are");
}

static const weir_pool_options big = {.new_object = make_counted, .ctx = (void *)BIG, .name = "big"};

static uint64_t bytes_held(weir_pool *pool)
{
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    return stats.bytes_held;
}

Test(pool_age, half_a_gigabyte_left_idle_is_gone_after_two_cycles)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    cr_expect_geq(bytes_held(pool), MIB(500));
    cr_expect_geq(resident_region(), MIB(500));
    control_free_os_memory();
    cr_expect_geq(bytes_held(pool), MIB(500));
    control_free_os_memory();
    cr_expect_eq(bytes_held(pool), 0);
    cr_expect_leq(resident_region(), MIB(8));
    weir_pool_free(pool);
}

Test(pool_age, half_a_gigabyte_gives_way_to_a_limit)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    control_set_memory_limit((int64_t)MIB(64));
    cr_expect_eq(bytes_held(pool), 0);
    cr_expect_leq(resident_region(), MIB(64));
    weir_pool_free(pool);
}

Test(pool_age, it_gives_way_to_memory_in_use_before_the_limit_is_passed)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    control_set_memory_limit((int64_t)MIB(600));
    static void *blocks[300];
    size_t most = 0;
    for (size_t i = 0; i < COUNT(blocks); i++) {
        memset(blocks[i] = heap_malloc(BIG), 1, BIG);
        size_t now = i % 10 ? 0 : resident_region();
        most = now > most ? now : most;
    }
    cr_expect_leq(most, MIB(604));
    cr_expect_eq(bytes_held(pool), 0);
    weir_pool_free(pool);
}

Test(pool_age, it_gives_way_before_the_hard_limit_refuses)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    control_set_hard_limit((int64_t)MIB(520));
    cr_assert_not_null(heap_malloc(MIB(256)));
    cr_assert_not_null(heap_malloc(MIB(256)));
    errno = 0;
    cr_assert_null(heap_malloc(MIB(100)));
    cr_expect_eq(errno, ENOMEM);
    weir_pool_free(pool);
}

Test(pool_age, growth_triggers_a_cycle)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    weir_pool_put(pool, weir_pool_get(pool));
    for (size_t i = 0; i < 20 && !dropped; i++)
        heap_malloc(MIB(1)); /* from 0: cycles at 4 and 8 MiB */
    cr_expect_eq(dropped, 1);
    weir_pool_free(pool);
}

Test(pool_age, growth_does_not_when_gogc_is_off)
{
    start();
    control_set_gc_percent(-1);
    weir_pool *pool = weir_pool_new(&counted);
    weir_pool_put(pool, weir_pool_get(pool));
    for (size_t i = 0; i < 100; i++)
        heap_malloc(MIB(1));
    cr_expect_eq(dropped, 0);
    weir_pool_free(pool);
}

/* A program whose memory neither grows nor shrinks: its pools age by what it allocates. */
Test(pool_age, a_flat_heap_ages_its_pools_by_volume)
{
    enum { OBJECTS = 100, BLOCK = 1000, BLOCKS = 512 * 1024 };
    weir_pool *pool = weir_pool_new(NULL);
    for (int i = 0; i < OBJECTS; i++)
        weir_pool_put(pool, heap_malloc(64));
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_assert_eq(stats.held, OBJECTS);
    for (int i = 0; i < BLOCKS; i++)
        heap_free(heap_malloc(BLOCK));
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.held, 0);
    cr_expect_geq(stats.cycles, 2);
    cr_expect_leq(stats.cycles, (uint64_t)BLOCKS * BLOCK / MIB(16) + 2, "%zu", (size_t)stats.cycles);
    control_set_gc_percent(-1);
    uint64_t cycles = stats.cycles;
    for (int i = 0; i < BLOCKS; i++)
        heap_free(heap_malloc(BLOCK));
    weir_read_pool_stats(pool, &stats);
    cr_expect_leq(stats.cycles, cycles + 1, "off is off");
    weir_pool_free(pool);
}
