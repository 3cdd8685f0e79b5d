/* waits: what threads have waited, as the pacer is told of it. */
#include "runtime/gc/cycle/waits.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "runtime/os/os.h"

enum { MS = 1000 * 1000, US = 1000 };

static void sleep_ns(uint64_t ns)
{
    uint64_t end = os_now_ns() + ns;
    for (uint64_t now; (now = os_now_ns()) < end;)
        nanosleep(&(struct timespec){.tv_nsec = (long)(end - now)}, NULL);
}

static void expect_between(uint64_t ns, uint64_t least, uint64_t most)
{
    cr_expect(ns + US >= least && ns <= most + US, "%lu ns, not in [%lu, %lu]", (unsigned long)ns,
              (unsigned long)least, (unsigned long)most);
}

Test(waits, nothing_was_waited)
{
    sleep_ns(2 * MS);
    waits_t took = waits_take();
    cr_expect_eq(took.count, 0);
    cr_expect_eq(took.ns, 0);
}

/* The thread goes on only when the trace has ended and the figures were taken. */
Test(waits, a_wait_that_goes_on_counts_up_to_now_and_its_rest_the_next_time)
{
    uint64_t before = os_now_ns();
    waits_begin();
    uint64_t began = os_now_ns();
    sleep_ns(5 * MS);
    uint64_t until = os_now_ns();
    waits_t first = waits_take();
    expect_between(first.ns, until - began, os_now_ns() - before);
    cr_expect_eq(first.count, 1);
    sleep_ns(MS);
    waits_end();
    waits_t second = waits_take();
    expect_between(first.ns + second.ns, 6 * MS, os_now_ns() - before);
    cr_expect_geq(second.ns + US, MS);
    cr_expect_eq(second.count, 1);
    waits_t third = waits_take();
    cr_expect_eq(third.count, 0);
    cr_expect_eq(third.ns, 0);
}

Test(waits, the_child_of_a_fork_has_no_threads_that_wait)
{
    waits_begin();
    waits_after_fork_child();
    waits_begin();
    waits_end();
    waits_t took = waits_take();
    cr_expect_eq(took.count, 1);
    cr_expect_lt(took.ns, 1000 * (uint64_t)MS);
    sleep_ns(MS);
    cr_expect_eq(waits_take().ns, 0);
}

enum { THREADS = 4, ROUNDS = 20000 };
static _Atomic uint64_t least_ns, most_ns;
static _Atomic int running = THREADS;

static void *wait_often(void *context)
{
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t before = os_now_ns();
        waits_begin();
        uint64_t began = os_now_ns(), ends = os_now_ns();
        waits_end();
        atomic_fetch_add(&most_ns, os_now_ns() - before);
        atomic_fetch_add(&least_ns, ends - began);
    }
    atomic_fetch_sub(&running, 1);
    return context;
}

Test(waits, no_wait_is_lost_or_counted_twice_while_others_take)
{
    pthread_t threads[THREADS];
    uint64_t sum = 0, took;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, wait_often, NULL), 0);
    while (running) {
        took = waits_take().ns;
        cr_assert_lt(took, 1000 * (uint64_t)MS);
        sum += took;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    sum += waits_take().ns;
    uint64_t grain = 2 * (uint64_t)US * THREADS * ROUNDS;
    cr_expect(sum + grain >= least_ns && sum <= most_ns + grain, "%lu of %lu to %lu", (unsigned long)sum,
              (unsigned long)least_ns, (unsigned long)most_ns);
    cr_expect_eq(waits_take().ns, 0);
}
