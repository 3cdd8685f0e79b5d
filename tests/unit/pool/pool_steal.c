/* pool_steal: what threads have in hand is found by others; what a pool does not take in. */
#include <criterion/criterion.h>
#include <semaphore.h>

#include "pool/pool.h"
#include "runtime/config/options.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/support.h"

static atomic_int made, dropped, resets;
static weir_pool *pool;

static void *make_one(void *ctx)
{
    (void)ctx;
    made++;
    return heap_malloc(100);
}

static void drop_one(void *ctx, void *p)
{
    (void)ctx;
    dropped++;
    heap_free(p);
}

static void count_reset(void *ctx, void *p)
{
    (void)ctx, (void)p;
    resets++;
}

static void begin(void)
{
    heap_free(heap_malloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
    pool = weir_pool_new(&(weir_pool_options){.new_object = make_one, .drop = drop_one});
}

static void begin_checked(void)
{
    heap_free(heap_malloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_ON;
    pool = weir_pool_new(&(weir_pool_options){.drop = drop_one, .reset = count_reset});
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
}

static weir_pool_stats stats_now(void)
{
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.held, stats.puts - stats.hits - stats.drops);
    cr_expect_eq(stats.drops, (uint64_t)dropped);
    return stats;
}

/* --- what others have in hand --- */

enum { WORKERS = 8, MOST = 300 };
static void *taken[MOST];
static atomic_size_t next_taken;

static void put_by_main(size_t count)
{
    void *objects[MOST];
    for (size_t i = 0; i < count; i++)
        objects[i] = weir_pool_get(pool);
    for (size_t i = 0; i < count; i++)
        weir_pool_put(pool, objects[i]);
}

static void take_one(size_t number)
{
    (void)number;
    taken[next_taken++] = weir_pool_get(pool);
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

static void check_distinct(size_t count)
{
    qsort(taken, count, sizeof taken[0], compare_pointers);
    for (size_t i = 0; i < count; i++) {
        cr_assert_not_null(taken[i]);
        cr_expect(i == 0 || taken[i] != taken[i - 1]);
    }
}

/* No more were made than main has put, except where a thread did not wait for another one that the kernel had
 * taken the processor from in the middle of an operation. */
static void check_found(int count)
{
    cr_assert_leq(count, WORKERS + (int)pool->missed, "%d were made, %u may have been missed", count,
                  pool->missed);
}

/* The main thread lives on, but does not use the pool meanwhile. */
Test(pool_steal, each_worker_finds_one_of_main_s, .init = begin)
{
    put_by_main(WORKERS);
    threads_run(WORKERS, take_one);
    check_distinct(WORKERS);
    check_found(made);
    weir_pool_stats stats = stats_now();
    cr_expect_eq(stats.misses, (uint64_t)made);
    cr_expect_eq(stats.held, (uint64_t)(made - WORKERS));
    cr_expect_geq(stats.steals, (uint64_t)(2 * WORKERS - made));
}

/* What is on its way from one thread to another is not missed: a thread that ends puts what it has stolen into
 * a depot, from which the next one takes it. */
Test(pool_steal, each_time, .init = begin)
{
    for (int round = 0; round < (SANITIZED ? 20 : 300); round++) {
        next_taken = 0;
        put_by_main(WORKERS);
        threads_run(WORKERS, take_one);
        check_distinct(WORKERS);
        check_found(made);
        for (size_t i = 0; i < WORKERS; i++)
            weir_pool_put(pool, taken[i]);
    }
}

static void take_many(size_t number)
{
    (void)number;
    for (int i = 0; i < MOST / WORKERS; i++)
        take_one(0);
}

Test(pool_steal, and_all_that_there_are, .init = begin)
{
    enum { ALL = MOST / WORKERS * WORKERS };
    for (size_t count = 1; count < ALL; count += count / 2 + 1) {
        made = 0;
        next_taken = 0;
        put_by_main(count);
        cr_expect_eq(made, (int)count);
        made = 0;
        threads_run(1, take_many);
        check_distinct(MOST / WORKERS);
        cr_expect_leq(made, count < MOST / WORKERS ? (int)(MOST / WORKERS - count) : 0, "%zu", count);
        for (size_t i = 0; i < MOST / WORKERS; i++)
            drop_one(NULL, taken[i]);
        dropped = 0;
        weir_pool_free(pool);
        dropped = 0;
        begin();
    }
}

static sem_t turn[2];
enum { TURNS = 400 };

static void get_and_put_by_turns(size_t number)
{
    for (int i = 0; i < TURNS; i++) {
        sem_wait(&turn[number]);
        void *p = weir_pool_get(pool);
        weir_pool_put(pool, p);
        sem_post(&turn[!number]);
    }
}

/* Two threads do not take one object from each other for ever. */
Test(pool_steal, a_theft_has_to_pay, .init = begin)
{
    sem_init(&turn[0], 0, 1);
    sem_init(&turn[1], 0, 0);
    threads_run(2, get_and_put_by_turns);
    cr_expect_leq(made, 2);
    cr_expect_leq(stats_now().steals, 4);
}

/* One thread (0) puts what another (1) gets. Thread 0 ends last: a thread that ends hands on what it has in
 * hand, and then no theft is needed. */
enum { HANDED = 8, THEFTS = 3 };
static uint8_t debts[THEFTS];

static void hand_over(size_t number)
{
    static const uint64_t make_ns[THEFTS] = {1, 1, UINT32_MAX};
    for (int i = 0; i < THEFTS; i++) {
        sem_wait(&turn[number]);
        if (number == 0)
            put_by_main(HANDED);
        pool->make_ns = make_ns[i];
        if (number == 1) {
            void *p = weir_pool_get(pool);
            debts[i] = local_of(pool)->debt;
            local_of(pool)->debt = 0;
            for (uint64_t left = HANDED - 1; left > 0; left--)
                heap_free(weir_pool_get(pool));
            heap_free(p);
        }
        sem_post(&turn[!number]);
    }
    if (number == 0)
        sem_wait(&turn[number]);
}

/* A theft from a thread that uses the pool costs as many misses as objects could be made in the time. */
Test(pool_steal, a_theft_from_a_busy_thread_has_to_pay_for_its_time, .init = begin)
{
    sem_init(&turn[0], 0, 1);
    sem_init(&turn[1], 0, 0);
    threads_run(2, hand_over);
    cr_expect_eq(debts[0], 0, "not known to be busy");
    cr_expect_gt(debts[1], 0);
    cr_expect_eq(debts[2], 0, "objects are dear");
    cr_expect_eq(made, THEFTS * HANDED, "all were found");
}

static void work_at_random(size_t number)
{
    uint64_t random = number + 1;
    void *held[20] = {0};
    for (int i = 0; i < 20000; i++) {
        void **slot = &held[random_below(&random, COUNT(held))];
        if (*slot) {
            CHECK(pattern_intact(*slot, 100, 100, (uintptr_t)*slot));
            weir_pool_put(pool, *slot);
            *slot = NULL;
        } else {
            *slot = weir_pool_get(pool);
            pattern_fill(*slot, 100, (uintptr_t)*slot);
        }
        if (random_below(&random, 1000) == 0)
            cycle_run(CYCLE_FORCED);
    }
    for (size_t i = 0; i < COUNT(held); i++)
        if (held[i])
            weir_pool_put(pool, held[i]);
}

Test(pool_steal, thieves_everywhere, .init = begin)
{
    threads_run(6, work_at_random);
    stats_now();
    weir_pool_free(pool);
    cr_expect_eq(made, dropped);
}

/* --- the cap --- */

enum { OBJECTS = 100, SIZE = 1000 };

static void put_new(size_t size)
{
    weir_pool_put(pool, heap_malloc(size));
}

static void check_cap(void)
{
    const size_t each = heap_usable_size(heap_malloc(SIZE)), most = 10;
    weir_pool_set_limit(pool, each * most + each / 2);
    for (int i = 0; i < OBJECTS; i++)
        put_new(SIZE);
    weir_pool_stats stats = stats_now();
    cr_expect_eq(stats.held, most);
    cr_expect_eq(stats.refused, OBJECTS - most);
    void *p = weir_pool_get(pool);
    put_new(SIZE);
    weir_pool_put(pool, p);
    cr_expect_eq(stats_now().held, most, "what is got makes room for one");
    cr_expect_eq(pool->pooled, each * most);
    weir_pool_set_limit(pool, each * most);
    cr_expect_eq(stats_now().held, most, "they fit");
    weir_pool_set_limit(pool, each * 2);
    cr_expect_eq(stats_now().held, 0, "they do not");
    cr_expect_eq(pool->pooled, 0);
    put_new(SIZE);
    weir_pool_set_limit(pool, 0);
    for (int i = 0; i < OBJECTS; i++)
        put_new(SIZE);
    cr_expect_eq(stats_now().held, OBJECTS);
    cr_expect_eq(pool->pooled, 0);
    weir_pool_set_limit(pool, SIZE_MAX);
    cr_expect_eq(stats_now().held, 0, "they were not counted");
}

Test(pool_steal, a_pool_holds_no_more_than_its_cap, .init = begin)
{
    check_cap();
}

Test(pool_steal, nor_does_a_checked_one, .init = begin_checked)
{
    check_cap();
}

static void check_aging(void)
{
    weir_pool_set_limit(pool, MIB(1));
    for (int i = 0; i < OBJECTS; i++)
        put_new(SIZE);
    for (int i = 0; i < 2; i++) {
        cr_expect_gt(pool->pooled, 0);
        cycle_run(CYCLE_FORCED);
    }
    cr_expect_eq(pool->pooled, 0);
    cr_expect_eq(stats_now().held, 0);
}

Test(pool_steal, what_ages_makes_room, .init = begin)
{
    check_aging();
}

Test(pool_steal, in_checked_pools_too, .init = begin_checked)
{
    check_aging();
}

static void put_sizes_at_random(size_t number)
{
    uint64_t random = number + 1;
    for (int i = 0; i < 5000; i++) {
        void *p = random_below(&random, 3) ? weir_pool_get(pool) : NULL;
        weir_pool_put(pool, p ? p : heap_malloc(1 + random_below(&random, 8000)));
        CHECK(pool->pooled <= KIB(100) + 6 * KIB(8)); /* it is added before it is refused */
        if (random_below(&random, 500) == 0)
            weir_pool_set_limit(pool, KIB(50) * random_below(&random, 3));
    }
}

Test(pool_steal, sizes_and_caps_at_random, .init = begin)
{
    threads_run(6, put_sizes_at_random);
    stats_now();
    weir_pool_set_limit(pool, 0);
    weir_pool_set_limit(pool, 1);
    cr_expect_eq(stats_now().held, 0);
    cr_expect_eq(pool->pooled, 0);
    weir_pool_free(pool);
}

/* --- refusal --- */

static bool has_outgrown(void *ctx, void *p)
{
    (void)ctx;
    return heap_usable_size(p) > 4096;
}

static void check_refusal(void)
{
    for (int i = 0; i < 3; i++)
        put_new(SIZE);
    weir_pool_set_refusal(pool, has_outgrown);
    resets = 0;
    for (int i = 0; i < OBJECTS; i++)
        put_new(i % 2 ? SIZE : 10 * SIZE);
    weir_pool_stats stats = stats_now();
    cr_expect_eq(stats.refused, OBJECTS / 2);
    cr_expect_eq(stats.held, 3 + OBJECTS / 2);
    cr_expect_eq(resets, pool->reset ? OBJECTS / 2 : 0, "what is dropped needs no reset");
    weir_pool_set_refusal(pool, NULL);
    put_new(10 * SIZE);
    cr_expect_eq(stats_now().held, stats.held + 1);
}

Test(pool_steal, what_has_outgrown_is_refused, .init = begin)
{
    check_refusal();
}

Test(pool_steal, by_checked_pools_too, .init = begin_checked)
{
    check_refusal();
}

/* Puts that come after the pool is freed are dropped all the same, and the last takes the handle with it. */
Test(pool_steal, a_late_put_is_not_asked_about, .init = begin)
{
    weir_pool_set_refusal(pool, has_outgrown);
    void *p = weir_pool_get(pool), *q = weir_pool_get(pool);
    weir_pool_free(pool);
    weir_pool_put(pool, p);
    weir_pool_put(pool, q);
    cr_expect_eq(dropped, 2);
}
