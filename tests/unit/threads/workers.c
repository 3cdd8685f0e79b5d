/* The threads that mark: each run reaches all that are ready, and waits for none that is not. This program
 * interposes pthread_create, so that it can hold a thread up before it begins. That happens to a thread in a
 * child of fork that inherited a lock from a thread of its parent. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/threads/workers.h"

enum { WANTED = 4, RUNS = 2000 };

static _Atomic bool gate_is_shut;

struct start {
    void *(*main)(void *);
    void *argument;
};

static void *behind_the_gate(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    while (gate_is_shut)
        usleep(1000);
    return start.main(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT,
                                                                                       "pthread_create");
    struct start *start = malloc(sizeof *start);
    *start = (struct start){main, argument};
    return create(thread, attributes, behind_the_gate, start);
}

static _Atomic uint32_t ran[WORKERS_MAX];

static void work(uint32_t member)
{
    ran[member]++;
}

static uint32_t gather_all(void)
{
    for (workers_start(WANTED); workers_ready(WANTED) < WANTED; workers_start(WANTED))
        usleep(1000);
    return workers_ready(WANTED);
}

Test(workers, each_member_runs_once_in_each_run)
{
    cr_assert_eq(gather_all(), WANTED);
    for (uint32_t run = 1; run <= RUNS; run++) {
        workers_run(WANTED, work);
        for (uint32_t i = 0; i < WANTED; i++)
            cr_assert_eq(ran[i], run);
    }
    workers_run(1, work);
    cr_assert_eq(ran[0], RUNS + 1);
    cr_assert_eq(ran[1], RUNS);
}

Test(workers, a_thread_that_does_not_begin_is_not_waited_for)
{
    gate_is_shut = true;
    workers_start(WANTED);
    cr_assert_eq(workers_ready(WANTED), 1);
    for (uint32_t run = 0; run < RUNS; run++)
        workers_run(1, work);
    cr_assert_eq(ran[0], RUNS);
    gate_is_shut = false;
    cr_assert_eq(gather_all(), WANTED);
    workers_run(WANTED, work);
    for (uint32_t i = 1; i < WANTED; i++)
        cr_assert_eq(ran[i], 1);
}

Test(workers, threads_that_become_ready_during_runs_take_part_from_a_later_one)
{
    for (uint32_t run = 0, expected[WANTED] = {0}; run < RUNS; run++) {
        workers_start(WANTED);
        uint32_t members = workers_ready(WANTED);
        for (uint32_t i = 0; i < members; i++)
            expected[i]++;
        workers_run(members, work);
        for (uint32_t i = 0; i < WANTED; i++)
            cr_assert_eq(ran[i], expected[i]);
    }
}
