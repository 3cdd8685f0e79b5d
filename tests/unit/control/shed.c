/* shed: each test forces one rung, and no later rung is taken; the callbacks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/time.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/pool.h>
#include <weir/stats.h>

#include "runtime/control/shed.h"
#include "tests/unit/control/shed_tests.h"
#include "tests/unit/support.h"

/* --- memory of the runtime's own --- */

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
        heap_free(blocks[i]); /* too small for the huge block */
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

static unsigned aged_for[WEIR_EVENT_LIMIT + 1]; /* how often pools were aged, by the reason that was told */

static void note_aged(void *context, const weir_event *event)
{
    (void)context;
    aged_for[event->reason]++;
}

Test(shed, victims, .init = begin)
{
    weir_pool *old = full_pool();
    cycle_run(CYCLE_FORCED);
    weir_pool *young = full_pool();
    leave(MIB(2));
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_POOLS_AGED), note_aged, NULL), 0);
    use(MIB(8));
    expect_last(WEIR_RUNG_VICTIMS);
    cr_expect_eq(in_pool(old), 0);
    cr_expect_eq(in_pool(young), OBJECTS);
    cr_expect_gt(aged_for[WEIR_EVENT_LIMIT], 0);
    cr_expect_eq(aged_for[WEIR_EVENT_GROWTH], 0);
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

/* Beyond the limit the next cycle comes after a growth by 1/64 of what is held, since a cycle looks at all of
 * it. */
Test(shed, cycles_beyond_the_limit_are_as_many_as_the_heap_doubles, .init = begin)
{
    enum { LIMIT = MIB(8), HELD = 32 * LIMIT, A_DOUBLING = 64 };
    leave(LIMIT - held_now());
    for (size_t used = 0; used < HELD; used += SMALL)
        cr_assert_not_null(write_block(SMALL));
    cr_expect_leq(taken(WEIR_RUNG_CACHES), 6 * A_DOUBLING);
}

/* --- a collection --- */

Test(shed, a_collection, .init = begin)
{
    static store_t store;
    for (size_t i = 0; i < MIB(20) / OBJECT; i++)
        cr_assert_not_null(weir_gc_alloc_noscan(OBJECT));
    cr_assert_eq(weir_shrinker_add(empty_store, &store, 0), 0); /* its store is empty */
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
    heap_free(write_block(MIB(3))); /* makes the runtime see that less is in use */
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
