/* roots_pools: what the collector finds in pools; objects that pass through pools and arenas between threads; fork. */
#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/arena.h>
#include <weir/gc.h>
#include <weir/pool.h>

#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/gc/roots/roots_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* --- pools --- */

static atomic_int dropped;

static _Atomic uint64_t last_dropped;

static void drop_counted(void *ctx, void *p)
{
    const link_t *link = p, *inner = link->object;
    CHECK(weir_gc_base(p) == p, "it was freed before it was dropped");
    CHECK(!inner || (weir_gc_base(inner) == inner && inner->number == link->number), "what it points to was");
    last_dropped = link->number;
    dropped++;
    (void)ctx;
}

/* A collected object with another one, both only in the pool. */
typedef struct two {
    hidden_t outer, inner;
} two_t;

__attribute__((noinline)) static two_t put_in_pool(weir_pool *pool, uint64_t number)
{
    link_t *outer = weir_gc_alloc(sizeof *outer), *inner = weir_gc_alloc(sizeof *inner);
    outer->object = inner;
    outer->number = inner->number = number;
    weir_pool_put(pool, outer);
    return (two_t){hide(outer), hide(inner)};
}

static void cycle(void)
{
    clear_stack();
    cr_assert(cycle_run(CYCLE_FORCED));
}

/* As in Go: alive after one collection, gone after the next, with what it points to. */
Test(roots_pools, what_is_in_a_pool_survives_one_cycle_and_not_two, .init = begin)
{
    weir_pool *pool = weir_pool_new(NULL);
    enum { OBJECTS = 300 };
    two_t two[OBJECTS];
    for (size_t i = 0; i < OBJECTS; i++)
        two[i] = put_in_pool(pool, i);
    cycle();
    for (size_t i = 0; i < OBJECTS; i++)
        cr_assert(is_alive(two[i].outer) && is_alive(two[i].inner), "%zu", i);
    cycle();
    size_t kept = 0;
    for (size_t i = 0; i < OBJECTS; i++)
        kept += is_alive(two[i].outer) + is_alive(two[i].inner);
    cr_expect_leq(kept, 8, "%zu", kept);
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.held, 0);
    cr_expect_eq(stats.drops, OBJECTS);
    weir_pool_free(pool);
}

Test(roots_pools, what_is_dropped_is_whole_when_it_is, .init = begin)
{
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.drop = drop_counted});
    for (uint64_t i = 0; i < 500; i++)
        put_in_pool(pool, i);
    cycle();
    cr_expect_eq(dropped, 0);
    cycle();
    cr_expect_eq(dropped, 500);
    enum { MORE = 20 };
    two_t two[MORE];
    for (size_t i = 0; i < MORE; i++)
        two[i] = put_in_pool(pool, i);
    weir_pool_free(pool);
    cr_expect_eq(dropped, 500 + MORE);
    collect();
    size_t kept = 0; /* a register may still hold the last */
    for (size_t i = 0; i < MORE; i++)
        kept += is_alive(two[i].inner);
    cr_expect_leq(kept, 1, "%zu", kept);
}

Test(roots_pools, an_object_comes_back_whole, .init = begin)
{
    weir_pool *pool = weir_pool_new(NULL);
    for (uint64_t i = 0; i < 200; i++)
        put_in_pool(pool, i);
    for (int i = 0; i < 200; i++) {
        if (i % 100 == 50)
            cycle();
        link_t *link = weir_pool_get(pool), *inner = link ? link->object : NULL;
        cr_assert_not_null(link);
        cr_assert_eq(weir_gc_base(link), link);
        cr_assert_eq(inner->number, link->number);
    }
    weir_pool_free(pool);
}

static void *keep_context(void *ctx)
{
    return ctx;
}

__attribute__((noinline)) static hidden_t pool_with_context(weir_pool **pool)
{
    void *ctx = weir_gc_alloc(32);
    *pool = weir_pool_new(&(weir_pool_options){.new_object = keep_context, .ctx = ctx});
    return hide(ctx);
}

Test(roots_pools, the_context_of_a_pool_is_a_root, .init = begin)
{
    weir_pool *pool;
    hidden_t ctx = pool_with_context(&pool);
    collect();
    cr_expect(is_alive(ctx));
    weir_pool_free(pool);
    collect();
    cr_expect_not(is_alive(ctx));
}

static void begin_checked(void)
{
    begin();
    options.poolcheck = OPTIONS_POOLCHECK_ON;
}

Test(roots_pools, a_checked_pool_keeps_what_it_holds, .init = begin_checked)
{
    weir_pool *pool = weir_pool_new(NULL),
              *dropping = weir_pool_new(&(weir_pool_options){.drop = drop_counted});
    two_t two = put_in_pool(pool, 1);
    put_in_pool(dropping, 2);
    cycle();
    cr_expect(is_alive(two.outer));
    cr_expect(is_alive(two.inner));
    link_t *link = weir_pool_get(pool);
    cr_expect_eq(((link_t *)link->object)->number, 1);
    weir_pool_put(pool, link);
    link = NULL;
    cycle();
    cycle();
    cr_expect_eq(dropped, 1);
    cr_expect_not(is_alive(two.inner) && is_alive(two.outer));
    weir_pool_free(pool);
    weir_pool_free(dropping);
}

/* --- threads: objects pass through a pool and through arenas while others collect --- */

static weir_pool *shared_pool;

enum { WORKERS = 4, ROUNDS = WATCHED ? 200 : 3000 };

static link_t *make_link(uint64_t number)
{
    link_t *link = weir_gc_alloc(sizeof *link), *inner = weir_gc_alloc(sizeof *inner);
    CHECK(link && inner);
    inner->number = link->number = number;
    link->object = inner;
    return link;
}

static void check_link(const link_t *link)
{
    const link_t *inner = link->object;
    CHECK(weir_gc_base(link) == link && weir_gc_base(inner) == inner, "freed");
    CHECK(inner->number == link->number, "%lu, %lu", inner->number, link->number);
}

static void work(size_t number)
{
    uint64_t random = number + 1;
    weir_arena *arena = weir_arena_new(&scanned);
    for (int round = 0; round < ROUNDS; round++) {
        link_t **list = weir_arena_alloc_zeroed(arena, 40 * sizeof *list);
        size_t count = 1 + random_below(&random, 40);
        for (size_t i = 0; i < count; i++) {
            list[i] = weir_pool_get(shared_pool);
            if (!list[i])
                list[i] = make_link(random_next(&random));
            check_link(list[i]);
        }
        if (round % 50 == 0)
            weir_gc();
        for (size_t i = 0; i < count; i++) {
            check_link(list[i]);
            weir_pool_put(shared_pool, list[i]);
        }
        if (round % 64 == 63)
            weir_arena_reset(arena);
    }
    weir_arena_free(arena);
}

Test(roots_pools, threads_pass_objects_through_pools_and_arenas)
{
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
    shared_pool = weir_pool_new(&(weir_pool_options){.drop = drop_counted});
    threads_run(WORKERS, work);
    weir_pool_free(shared_pool);
}

/* --- fork --- */

static void *keep_collecting(void *argument)
{
    while (!stop)
        weir_gc();
    return argument;
}

static void *keep_making_arenas(void *argument)
{
    while (!stop) {
        weir_arena *arena = weir_arena_new(&scanned);
        *(void **)weir_arena_alloc(arena, 16) = weir_gc_alloc(16);
        weir_arena_free(arena);
    }
    return argument;
}

static void child_run(weir_arena *arena, weir_pool *pool)
{
    link_t **held = weir_arena_alloc(arena, sizeof *held);
    *held = make_link(1);
    weir_pool_put(pool, make_link(2));
    clear_stack();
    weir_gc();
    check_link(*held);
    link_t *link = weir_pool_get(pool);
    CHECK(link);
    check_link(link);
    weir_arena_free(arena);
    _exit(0);
}

Test(roots_pools, fork_between_collections)
{
    pthread_t collector, maker;
    weir_arena *arena = weir_arena_new(&scanned);
    weir_pool *pool = weir_pool_new(NULL);
    pthread_create(&collector, NULL, keep_collecting, NULL);
    pthread_create(&maker, NULL, keep_making_arenas, NULL);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0)
            child_run(arena, pool);
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0, "child %d", i);
    }
    stop = true;
    pthread_join(collector, NULL);
    pthread_join(maker, NULL);
    weir_pool_free(pool);
    weir_arena_free(arena);
}
