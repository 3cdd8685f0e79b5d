/* shed: each rung is taken on purpose, and no other that comes later; shrinkers may do what they are allowed
 * to. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/pool.h>
#include <weir/stats.h>

#include "runtime/heap/shed.h"
#include "tests/unit/support.h"

enum { OBJECT = 100 * 1000, OBJECTS = 160 /* 16 MiB */, SMALL = 1000 };

static uint64_t taken(weir_rung rung)
{
    return shed_count(rung).taken;
}

static size_t held_now(void)
{
    return pages_inuse() + PAGE_STAT(pages_idle) * OS_PAGE + PAGE_STAT(huge_idle);
}

/* No cycle but one for the limit. */
static void begin(void)
{
    weir_set_gc_percent(WEIR_GC_OFF);
}

/* Nothing is idle, and the limit is so many bytes above what is held. */
static void leave(size_t bytes)
{
    heap_trim(0);
    weir_set_memory_limit((int64_t)(held_now() + bytes));
}

static void *write_block(size_t size)
{
    void *p = heap_malloc(size);
    return p ? memset(p, 1, size) : NULL;
}

/* Blocks that stay, so many bytes in all. */
static void use(size_t bytes)
{
    for (size_t used = 0; used < bytes; used += OBJECT)
        cr_assert_not_null(write_block(OBJECT));
}

static void expect_last(weir_rung last)
{
    static const char *const names[] = {"idle",      "caches",     "victims",  "pools",
                                        "shrinkers", "collection", "callback", "refusal"};
    cr_expect_gt(taken(last), 0, "%s", names[last]);
    for (int rung = (int)last + 1; rung < WEIR_RUNGS; rung++)
        cr_expect_eq(taken((weir_rung)rung), 0, "%s after %s", names[rung], names[last]);
    cr_expect_leq(held_now(), (size_t)weir_set_memory_limit(-1));
    pages_verify();
}

/* --- the runtime's own --- */

static void *big_object(void *context)
{
    (void)context;
    return write_block(OBJECT);
}

static weir_pool *full_pool(void)
{
    static void *objects[OBJECTS];
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.new_object = big_object});
    for (size_t i = 0; i < OBJECTS; i++)
        objects[i] = weir_pool_get(pool);
    for (size_t i = 0; i < OBJECTS; i++)
        weir_pool_put(pool, objects[i]);
    return pool;
}

static uint64_t in_pool(weir_pool *pool)
{
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    return stats.held;
}

Test(shed, idle_memory, .init = begin)
{
    static void *blocks[OBJECTS];
    weir_pool *pool = full_pool();
    for (size_t i = 0; i < OBJECTS; i++)
        blocks[i] = write_block(OBJECT);
    leave(MIB(4));
    for (size_t i = 0; i < OBJECTS; i += 2)
        heap_free(blocks[i]); /* of no use for a huge block */
    write_block(MIB(5));
    expect_last(WEIR_RUNG_IDLE);
    cr_expect_gt(shed_count(WEIR_RUNG_IDLE).bytes, 0);
    cr_expect_eq(in_pool(pool), OBJECTS);
}

/* Free cells among live ones: no span is empty. */
Test(shed, caches, .init = begin)
{
    static void *blocks[MIB(16) / SMALL];
    weir_pool *pool = full_pool();
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = write_block(SMALL);
    leave(MIB(2));
    for (size_t i = 0; i < COUNT(blocks); i++)
        if (i % 60)
            heap_free(blocks[i]);
    use(MIB(8));
    expect_last(WEIR_RUNG_CACHES);
    cr_expect_geq(shed_count(WEIR_RUNG_CACHES).bytes, MIB(5));
    cr_expect_eq(in_pool(pool), OBJECTS);
}

Test(shed, victims, .init = begin)
{
    weir_pool *old = full_pool();
    cycle_run(CYCLE_FORCED);
    weir_pool *young = full_pool();
    leave(MIB(2));
    use(MIB(8));
    expect_last(WEIR_RUNG_VICTIMS);
    cr_expect_eq(in_pool(old), 0);
    cr_expect_eq(in_pool(young), OBJECTS);
}

Test(shed, pools, .init = begin)
{
    weir_pool *young = full_pool();
    leave(MIB(2));
    use(MIB(8));
    expect_last(WEIR_RUNG_POOLS);
    cr_expect_eq(in_pool(young), 0);
    cr_expect_gt(taken(WEIR_RUNG_VICTIMS), 0);
}

/* A cycle looks at what there is; so the more is held beyond the limit, the more is allocated between two. */
Test(shed, cycles_beyond_the_limit_are_as_many_as_the_heap_doubles, .init = begin)
{
    enum { LIMIT = MIB(8), HELD = 32 * LIMIT, A_DOUBLING = 64 };
    leave(LIMIT - held_now());
    for (size_t used = 0; used < HELD; used += SMALL)
        cr_assert_not_null(write_block(SMALL));
    cr_expect_leq(taken(WEIR_RUNG_CACHES), 6 * A_DOUBLING);
}

/* --- shrinkers --- */

typedef struct store {
    int number;
    void *blocks[40]; /* 4 MiB */
} store_t;

static int order[100], calls;

static void fill_store(store_t *store)
{
    for (size_t i = 0; i < COUNT(store->blocks); i++)
        store->blocks[i] = write_block(OBJECT);
}

static size_t empty_store(void *context, size_t wanted)
{
    store_t *store = context;
    size_t given = 0;
    CHECK(wanted > 0);
    if (!store->blocks[0])
        return 0;
    order[calls++ % 100] = store->number;
    for (size_t i = 0; i < COUNT(store->blocks); i++) {
        given += heap_usable_size(store->blocks[i]);
        heap_free(store->blocks[i]);
        store->blocks[i] = NULL;
    }
    return given;
}

Test(shed, shrinkers_by_priority_and_no_more_than_it_takes, .init = begin)
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

Test(shed, there_is_room_for_64_shrinkers, .init = begin)
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

Test(shed, a_shrinker_may_do_anything, .init = begin)
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

Test(shed, removing_waits_for_who_runs_it, .init = begin)
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

/* Whoever runs a shrinker is not in the child. */
Test(shed, a_child_does_not_wait_for_the_parent_s_threads, .init = begin)
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

/* --- of a thread that is cancelled meanwhile --- */

static size_t write_a_line(void *context, size_t wanted)
{
    (void)wanted;
    CHECK(write(*(int *)context, "\n", 1) == 1); /* where a thread may be cancelled */
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

/* malloc is no place for it. */
Test(shed, a_shrinker_of_a_cancelled_thread_comes_to_its_end, .init = begin)
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

Test(shed, signals_and_threads_at_the_limit, .init = begin)
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

/* --- a collection --- */

Test(shed, a_collection, .init = begin)
{
    static store_t store;
    for (size_t i = 0; i < MIB(20) / OBJECT; i++)
        cr_assert_not_null(weir_gc_alloc_noscan(OBJECT));
    cr_assert_eq(weir_shrinker_add(empty_store, &store, 0), 0); /* it has nothing */
    leave(MIB(1));
    use(MIB(8));
    expect_last(WEIR_RUNG_COLLECTION);
    cr_expect_gt(taken(WEIR_RUNG_SHRINKERS), 0);
    cr_expect_geq(shed_count(WEIR_RUNG_COLLECTION).bytes, MIB(8));
}

/* --- the callback --- */

static size_t told_inuse, told_limit;
static int tellings;

static void note_pressure(void *context, size_t inuse, size_t limit)
{
    CHECK(context == &tellings);
    tellings++;
    told_inuse = inuse;
    told_limit = limit;
    heap_free(write_block(OBJECT));
}

Test(shed, the_callback_at_its_share_once, .init = begin)
{
    static void *blocks[MIB(64) / OBJECT];
    size_t count = 0;
    leave(MIB(100));
    size_t limit = (size_t)weir_set_memory_limit(-1);
    weir_set_pressure_callback(50, note_pressure, &tellings);
    cr_expect_eq(tellings, 0);
    while (count < COUNT(blocks))
        blocks[count++] = write_block(OBJECT);
    cr_expect_eq(tellings, 1, "%d", tellings);
    cr_expect_eq(told_limit, limit);
    cr_expect_geq(told_inuse, limit / 2);
    cr_expect_leq(told_inuse, limit / 2 + MIB(2));
    while (count > 0)
        heap_free(blocks[--count]);
    heap_free(write_block(MIB(3))); /* it is seen that less is in use */
    while (count < COUNT(blocks))
        blocks[count++] = write_block(OBJECT);
    cr_expect_eq(tellings, 2, "again: %d", tellings);
    cr_expect_eq(taken(WEIR_RUNG_CALLBACK), 2);
    cr_expect_eq(taken(WEIR_RUNG_CACHES), 0, "no cycle");
    weir_set_pressure_callback(50, NULL, NULL);
    use(MIB(30));
    cr_expect_eq(tellings, 2);
}

Test(shed, the_callback_when_nothing_else_helps, .init = begin)
{
    leave(MIB(1));
    weir_set_pressure_callback(100, note_pressure, &tellings);
    use(MIB(8));
    cr_expect_gt(tellings, 1, "after each cycle that does not help");
    cr_expect_gt(told_inuse, told_limit);
    cr_expect_eq(taken(WEIR_RUNG_REFUSAL), 0);
}

/* --- the refusal --- */

static bool eviction_done;

static void evict(void *context, size_t inuse, size_t limit)
{
    (void)inuse, (void)limit;
    if (!eviction_done)
        empty_store(context, 1);
    eviction_done = true;
}

Test(shed, and_only_then_enomem, .init = begin)
{
    static store_t store;
    fill_store(&store);
    leave(MIB(1));
    weir_set_hard_limit(weir_set_memory_limit(WEIR_NO_LIMIT));
    weir_set_pressure_callback(100, evict, &store);
    use(MIB(3));
    cr_expect(eviction_done, "what the callback frees makes room");
    cr_expect_eq(taken(WEIR_RUNG_REFUSAL), 0);
    errno = 0;
    cr_expect_null(heap_malloc(MIB(8)));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_gt(taken(WEIR_RUNG_REFUSAL), 0);
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    cr_expect_eq(stats.shed[WEIR_RUNG_REFUSAL].taken, taken(WEIR_RUNG_REFUSAL));
    cr_expect_eq(stats.shed[WEIR_RUNG_CALLBACK].taken, taken(WEIR_RUNG_CALLBACK));
}

/* --- pools of a program that does not allocate --- */

Test(shed, pools_age_by_time_too, .init = begin)
{
    weir_pool *pool = full_pool();
    cycle_age_if_older((uint64_t)3600 * 1000000000);
    cr_expect_not(cycle_is_requested());
    for (int i = 0; i < 2; i++) {
        cycle_age_if_older(0);
        cr_expect(cycle_is_requested());
        cycle_run_requested(false);
    }
    cr_expect_eq(in_pool(pool), 0);
}
