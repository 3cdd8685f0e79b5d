/* pool_threads: what threads that end leave in a pool, pools that come and go, fork. */
#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/wait.h>

#include "pool/pool.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/pool/pool_tests.h"
#include "tests/unit/support.h"

/* --- threads --- */

static void *handed[MANY];

static void put_handed(size_t number)
{
    (void)number;
    for (int i = 0; i < MANY; i++)
        weir_pool_put(shared, handed[i]);
}

Test(pool_threads, what_a_thread_that_ended_had_is_used_by_others)
{
    start();
    shared = weir_pool_new(&counted);
    for (int i = 0; i < MANY; i++)
        handed[i] = weir_pool_get(shared);
    threads_run(1, put_handed);
    for (int i = 0; i < MANY; i++)
        cr_expect_not_null(weir_pool_get(shared));
    cr_expect_eq(made, MANY);
    weir_pool_stats stats;
    weir_read_pool_stats(shared, &stats);
    cr_expect_eq(stats.steals, MANY);
    weir_pool_free(shared);
}

static void use_shortly(size_t number)
{
    (void)number;
    weir_pool_put(shared, weir_pool_get(shared));
}

Test(pool_threads, the_next_thread_takes_the_local_over)
{
    start();
    shared = weir_pool_new(&counted);
    for (int i = 0; i < 100; i++)
        threads_run(1, use_shortly);
    size_t locals = 0;
    for (local_t *local = local_first(shared); local; local = local_next(local))
        locals++;
    cr_expect_eq(locals, 2, "the common one, and one for all");
    cr_expect_eq(made, 1);
    weir_pool_free(shared);
}

Test(pool_threads, many_pools_come_and_go)
{
    start();
    enum { POOLS = 100 };
    static weir_pool *all[POOLS];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < POOLS; i++) {
            all[i] = weir_pool_new(&counted);
            weir_pool_put(all[i], weir_pool_get(all[i]));
        }
        for (int i = 0; i < POOLS; i++)
            weir_pool_free(all[i * 7 % POOLS]);
    }
    cr_expect_eq(made, dropped);
    cr_expect_null(pools.first);
    cr_expect_leq(pool_table->size, 3 * POOLS);
}

static void put_late(size_t number)
{
    static void *held[4];
    held[number] = weir_pool_get(shared);
    stage++;
    while (stage != 100)
        usleep(100);
    weir_pool_put(shared, held[number]);
}

static void *free_the_pool(void *unused)
{
    while (stage != 4)
        usleep(100);
    weir_pool_free(shared);
    stage = 100;
    return unused;
}

Test(pool_threads, holders_may_put_after_the_pool_is_freed)
{
    start();
    pthread_t thread;
    shared = weir_pool_new(&counted);
    pthread_create(&thread, NULL, free_the_pool, NULL);
    threads_run(4, put_late);
    pthread_join(thread, NULL);
    cr_expect_eq(made, 4);
    cr_expect_eq(dropped, 4);
}

static void check_the_child(void)
{
    void *held[BURST * 4];
    alarm(HANG);
    for (size_t i = 0; i < COUNT(held); i++) {
        held[i] = weir_pool_get(shared);
        memset(held[i], 7, 100);
    }
    for (size_t i = 0; i < COUNT(held); i++)
        weir_pool_put(shared, held[i]);
    bool aged = cycle_run(CYCLE_FORCED);
    weir_pool_free(shared);
    _exit(aged ? 0 : 1);
}

Test(pool_threads, fork_while_others_are_at_it)
{
    start();
    if (WATCHED)
        cr_skip_test("fork with threads is not for ThreadSanitizer");
    pthread_t thread;
    shared = weir_pool_new(&counted);
    pthread_create(&thread, NULL, churn_in_threads, NULL);
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0)
            check_the_child();
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0, "the child of fork %d", i);
    }
    over = true;
    pthread_join(thread, NULL);
    check_algebra(shared);
    weir_pool_free(shared);
    cr_expect_eq(made, dropped);
}
