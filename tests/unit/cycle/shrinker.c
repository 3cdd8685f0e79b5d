/* shrinker: what a shrinker of the program may do; several threads and signals at the limit; removal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/pool.h>

#include "runtime/control/shed.h"
#include "tests/unit/control/shed_tests.h"
#include "tests/unit/support.h"

Test(shrinker, shrinkers_by_priority_and_no_more_than_it_takes, .init = begin)
{
    static store_t stores[] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    static const int priorities[] = {5, -5, 5, INT32_MIN};
    for (size_t i = 0; i < COUNT(stores); i++) {
        fill_store(&stores[i]);
        cr_assert_eq(weir_shrinker_add(empty_store, &stores[i], priorities[i]), 0);
    }
    leave(MIB(1));
    use(MIB(3));
    expect_last(WEIR_RUNG_SHRINKERS);
    cr_expect_eq(calls, 1);
    use(MIB(9));
    cr_expect_eq(calls, 3);
    cr_expect(order[0] == 3 && order[1] == 1 && order[2] == 0, "%d %d %d", order[0], order[1], order[2]);
    cr_expect_geq(shed_count(WEIR_RUNG_SHRINKERS).bytes, MIB(10));
    for (size_t i = 0; i < COUNT(stores); i++)
        weir_shrinker_remove(empty_store, &stores[i]);
    use(MIB(8));
    cr_expect_eq(calls, 3, "removed");
}

Test(shrinker, there_is_room_for_64_shrinkers, .init = begin)
{
    static store_t stores[65];
    for (size_t i = 0; i < 64; i++)
        cr_assert_eq(weir_shrinker_add(empty_store, &stores[i], 0), 0);
    errno = 0;
    cr_expect_eq(weir_shrinker_add(empty_store, &stores[64], 0), -1);
    cr_expect_eq(errno, ENOMEM);
    weir_shrinker_remove(empty_store, &stores[64]);
    weir_shrinker_remove(empty_store, &stores[10]);
    cr_expect_eq(weir_shrinker_add(empty_store, &stores[64], 0), 0);
}

static weir_pool *given_pool;

/* Allocates, frees a pool, fails, sets errno, adds another, and leaves. */
static size_t do_everything(void *context, size_t wanted)
{
    store_t *store = context;
    calls++;
    void *p = write_block(300 * 1000), *q = weir_gc_alloc(5000);
    CHECK(p && q);
    cr_expect_null(heap_malloc(SIZE_MAX / 2));
    heap_free(p);
    weir_pool_free(given_pool);
    given_pool = NULL;
    CHECK(weir_shrinker_add(empty_store, store, 7) == 0);
    weir_shrinker_remove(do_everything, context);
    errno = EIO;
    return wanted * 1000; /* what it says is not believed */
}

Test(shrinker, a_shrinker_may_do_anything, .init = begin)
{
    static store_t store;
    fill_store(&store);
    given_pool = weir_pool_new(NULL);
    weir_pool_put(given_pool, write_block(OBJECT));
    cr_assert_eq(weir_shrinker_add(do_everything, &store, 0), 0);
    leave(MIB(1));
    errno = 0;
    use(MIB(3));
    cr_expect_eq(errno, 0, "an allocation that succeeds keeps it");
    cr_expect_eq(calls, 2, "both");
    expect_last(WEIR_RUNG_SHRINKERS);
}

/* --- removed while it runs, by another thread --- */

static _Atomic bool is_inside, may_go_on, is_removed;

static size_t stay(void *context, size_t wanted)
{
    (void)context, (void)wanted;
    is_inside = true;
    while (!may_go_on)
        os_yield();
    CHECK(!is_removed);
    calls++;
    return 0;
}

static void *remove_it(void *argument)
{
    while (!is_inside)
        os_yield();
    may_go_on = true;
    weir_shrinker_remove(stay, NULL);
    is_removed = true;
    return argument;
}

Test(shrinker, removing_waits_for_who_runs_it, .init = begin)
{
    pthread_t thread;
    weir_shrinker_add(stay, NULL, 0);
    cr_assert_eq(pthread_create(&thread, NULL, remove_it, NULL), 0);
    leave(MIB(1));
    use(MIB(4));
    pthread_join(thread, NULL);
    cr_expect(is_removed);
    int before = calls;
    use(MIB(8));
    cr_expect_eq(calls, before);
    cr_expect_gt(before, 0);
}

static void *wait_inside(void *argument)
{
    leave(0);
    use(MIB(4));
    return argument;
}

/* The thread that runs the shrinker does not exist in the child. */
Test(shrinker, a_child_does_not_wait_for_the_parent_s_threads, .init = begin)
{
    pthread_t thread;
    weir_shrinker_add(stay, NULL, 0);
    cr_assert_eq(pthread_create(&thread, NULL, wait_inside, NULL), 0);
    while (!is_inside)
        os_yield();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG);
        weir_shrinker_remove(stay, NULL);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    may_go_on = true;
    pthread_join(thread, NULL);
}

/* --- run by a thread that is being cancelled --- */

static size_t write_a_line(void *context, size_t wanted)
{
    (void)wanted;
    CHECK(write(*(int *)context, "\n", 1) == 1); /* a cancellation point */
    calls++;
    return 0;
}

static void on_pressure(void *context, size_t inuse, size_t limit)
{
    (void)inuse;
    write_a_line(context, limit);
}

static _Atomic bool is_past_allocating;

static void *allocate_cancelled(void *argument)
{
    CHECK(pthread_cancel(pthread_self()) == 0);
    leave(MIB(1));
    use(MIB(4));
    is_past_allocating = true;
    pthread_testcancel();
    return argument;
}

/* A thread must not be cancelled inside malloc. */
Test(shrinker, a_shrinker_of_a_cancelled_thread_comes_to_its_end, .init = begin)
{
    static int null;
    pthread_t thread;
    void *result;
    cr_assert_geq(null = open("/dev/null", O_WRONLY), 0);
    weir_shrinker_add(write_a_line, &null, 0);
    weir_set_pressure_callback(50, on_pressure, &null);
    cr_assert_eq(pthread_create(&thread, NULL, allocate_cancelled, NULL), 0);
    pthread_join(thread, &result);
    cr_expect_eq(result, PTHREAD_CANCELED);
    cr_assert(is_past_allocating, "it was cancelled in the middle of malloc");
    int before = calls;
    cr_expect_gt(before, 1);
    weir_shrinker_remove(write_a_line, &null);
    use(MIB(8));
    pages_verify();
    close(null);
}

/* --- in an allocation that signals interrupt; several threads at the limit --- */

static _Atomic int alarms;

static void note_alarm(int number)
{
    (void)number;
    alarms++;
}

static size_t refill(void *context, size_t wanted)
{
    store_t *store = context;
    empty_store(store, wanted);
    store->blocks[0] = write_block(SMALL);
    return 0;
}

static void *churn(void *argument)
{
    enum { ROUNDS = 300 };
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        static __thread void *blocks[30];
        for (size_t k = 0; k < COUNT(blocks); k++) {
            heap_free(blocks[k]);
            blocks[k] = write_block(OBJECT);
            CHECK(blocks[k] != NULL);
        }
        for (size_t k = 0; k < COUNT(blocks); k += 2) {
            heap_free(blocks[k]);
            blocks[k] = NULL;
        }
    }
    return NULL;
}

Test(shrinker, signals_and_threads_at_the_limit, .init = begin)
{
    static store_t store;
    pthread_t threads[3];
    struct sigaction action = {.sa_handler = note_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL);
    fill_store(&store);
    weir_shrinker_add(refill, &store, 0);
    leave(MIB(1)); /* what is live does not fit */
    for (size_t i = 0; i < COUNT(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < 200; i++) {
        weir_shrinker_remove(refill, &store);
        os_yield();
        cr_expect_eq(weir_shrinker_add(refill, &store, 0), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    weir_shrinker_remove(refill, &store);
    pages_verify();
}
