/* tend_queue: the cost of tending grows with what threads did, not with how many threads there are. What a
 * sleeper frees, or is sent, after it was tended is given back the next time. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

#include "runtime/control/shed.h"
#include "runtime/control/trim.h"
#include "runtime/cycle/cycle.h"
#include "runtime/malloc/tend.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/process/asleep.h"
#include "tests/unit/support.h"

#ifdef WEIR_DEBUG_CHECKS
enum { MANY = 500 };
#else
enum { MANY = 4000 };
#endif

static pthread_barrier_t all_there;
static sem_t wake, done, end;

/* --- threads that sleep --- */

static pthread_t threads[MANY];
static _Atomic int numbers[MANY];
static uintptr_t stack_ends[MANY];

static void note_place(size_t number)
{
    stack_ends[number] = os_stack_end();
    numbers[number] = os_thread_id();
}

static void start_threads(size_t count, void *(*run)(void *))
{
    pthread_attr_t small;
    size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    heap_free(heap_malloc(1));
    cr_assert_eq(pthread_attr_init(&small), 0);
    cr_assert_eq(pthread_attr_setstacksize(&small, least > KIB(64) ? least : KIB(64)), 0);
    pthread_barrier_init(&all_there, NULL, (unsigned)count + 1);
    sem_init(&wake, 0, 0);
    sem_init(&done, 0, 0);
    sem_init(&end, 0, 0);
    for (size_t i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], &small, run, (void *)i) == 0);
    pthread_barrier_wait(&all_there);
}

static void wait_until_asleep(size_t count)
{
    for (size_t i = 0; i < count; i++)
        while (!asleep_is(numbers[i], stack_ends[i]))
            usleep(100);
}

static void end_threads(size_t count)
{
    for (size_t i = 0; i < count; i++)
        sem_post(&end);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void *keep_some_and_sleep(void *number)
{
    void *kept[20];
    for (size_t i = 0; i < COUNT(kept); i++)
        kept[i] = heap_malloc(16 << i % 10);
    note_place((size_t)number);
    pthread_barrier_wait(&all_there);
    sem_wait(&end);
    for (size_t i = 0; i < COUNT(kept); i++)
        heap_free(kept[i]);
    return NULL;
}

Test(tend_queue, each_of_many_sleepers_is_looked_at_once, .disabled = SANITIZED)
{
    enum { CYCLES = 100 };
    start_threads(MANY, keep_some_and_sleep);
    wait_until_asleep(MANY);
    uint64_t before = tend_looks();
    for (int i = 0; i < CYCLES; i++)
        trim_caches(false);
    cr_expect_leq(tend_looks() - before, MANY + 3 * CYCLES);
    trim_caches(true);
    cr_expect_leq(tend_looks() - before, MANY + 3 * CYCLES + 3);
    end_threads(MANY);
}

/* Those that cannot be tended are tried by turns. */
static void *in_handler(void *number)
{
    note_place((size_t)number);
    raise(SIGUSR1);
    return NULL;
}

static void sleep_in_handler(int signal)
{
    (void)signal;
    heap_free(heap_malloc(100));
    pthread_barrier_wait(&all_there);
    sem_wait(&end);
}

Test(tend_queue, those_that_cannot_be_tended_are_tried_by_turns, .disabled = SANITIZED)
{
    enum { CYCLES = 50, LOOKS = 40 };
    signal(SIGUSR1, sleep_in_handler);
    start_threads(MANY, in_handler);
    uint64_t before = tend_looks();
    for (int i = 0; i < CYCLES; i++)
        trim_caches(false);
    cr_expect_leq(tend_looks() - before, LOOKS * CYCLES);
    before = tend_looks();
    trim_caches(true);
    cr_expect_geq(tend_looks() - before, MANY, "who trims looks at all of them");
    end_threads(MANY);
}

/* --- what they do afterwards --- */

enum { BLOCKS = 4000, SIZE = 500 };
static void *blocks[BLOCKS];

static void *allocate_then_free_most(void *number)
{
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i] = heap_malloc(SIZE), 1, SIZE);
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % 4)
            heap_free(blocks[i]);
    note_place((size_t)number);
    pthread_barrier_wait(&all_there);
    sem_wait(&wake);
    for (size_t i = 0; i < BLOCKS; i += 4) /* no span becomes empty or ceases to be full: only fast paths */
        if (i % 16)
            heap_free(blocks[i]);
    sem_post(&done);
    sem_wait(&end);
    return NULL;
}

static void shed_until_touched_is(size_t pages)
{
    while (PAGE_STAT(touched) > pages) {
        trim_caches(true);
        pages_trim(0);
        usleep(1000);
    }
}

/* Two cells in each page stay at first: tending finds nothing to give back. */
Test(tend_queue, a_sleeper_that_frees_is_tended_again, .disabled = SANITIZED)
{
    start_threads(1, allocate_then_free_most);
    wait_until_asleep(1);
    trim_caches(true);
    pages_trim(0);
    size_t full = PAGE_STAT(touched);
    uint64_t before = tend_looks();
    trim_caches(true);
    cr_expect_leq(tend_looks() - before, 1, "this thread alone may be looked at");
    sem_post(&wake);
    sem_wait(&done);
    shed_until_touched_is(full * 3 / 4);
    end_threads(1);
}

static void *allocate_and_sleep(void *number)
{
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i] = heap_malloc(SIZE), 1, SIZE);
    note_place((size_t)number);
    pthread_barrier_wait(&all_there);
    sem_wait(&end);
    return NULL;
}

Test(tend_queue, what_is_sent_to_a_heap_at_rest_is_had, .disabled = SANITIZED)
{
    start_threads(1, allocate_and_sleep);
    wait_until_asleep(1);
    trim_caches(true);
    size_t full = PAGE_STAT(touched);
    for (size_t i = 0; i < BLOCKS; i++)
        heap_free(blocks[i]);
    trim_caches(true);
    pages_trim(0);
    cr_expect_lt(PAGE_STAT(touched), full / 4);
    end_threads(1);
}

/* --- a refusal looks at all --- */

static void *held_by_last[2 * BLOCKS];

static void *sleep_as_last(void *number)
{
    for (size_t i = 0; i < COUNT(held_by_last); i++)
        memset(held_by_last[i] = heap_malloc(SIZE), 1, SIZE);
    for (size_t i = 0; i < COUNT(held_by_last); i++)
        if (i % 100)
            heap_free(held_by_last[i]);
    note_place((size_t)number);
    pthread_barrier_wait(&all_there);
    sem_wait(&end);
    return NULL;
}

static void *in_handlers_but_the_last(void *number)
{
    return (size_t)number < 99 ? in_handler(number) : sleep_as_last(number);
}

Test(tend_queue, before_a_refusal_all_are_tended, .disabled = SANITIZED)
{
    signal(SIGUSR1, sleep_in_handler);
    start_threads(100, in_handlers_but_the_last);
    while (!asleep_is(numbers[99], stack_ends[99]))
        usleep(100);
    pages_trim(0);
    set_limits(INT64_MAX, (int64_t)(pages_inuse() + KIB(64)));
    void *p = heap_malloc(MIB(1));
    cr_expect_not_null(p, "the last one has nearly 4 MiB of free cells");
    set_limits(INT64_MAX, INT64_MAX);
    heap_free(p);
    end_threads(100);
}

/* --- fork --- */

/* The child's own heap, and those of its threads, are tended as before. */
Test(tend_queue, a_child_begins_anew, .disabled = SANITIZED)
{
    start_threads(8, keep_some_and_sleep);
    trim_caches(true);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG);
        start_threads(1, allocate_and_sleep);
        wait_until_asleep(1);
        size_t full = PAGE_STAT(touched);
        for (size_t i = 0; i < BLOCKS; i++)
            heap_free(blocks[i]);
        trim_caches(true);
        pages_trim(0);
        _exit(PAGE_STAT(touched) < full - BLOCKS * SIZE / OS_PAGE / 2 ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    end_threads(8);
}
