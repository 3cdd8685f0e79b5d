/* pool_race: what only shows when threads meet in a few instructions: the stacks of magazines, and the
 * biased locks. */
#include <criterion/criterion.h>
#include <stdatomic.h>

#include "pool/pool.h"
#include "runtime/config/options.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/support.h"

static void start(void)
{
    heap_free(heap_malloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
}

/* --- a magazine is in one thread's hands at a time --- */

enum { MAGAZINES = 3, TURNS = SANITIZED ? 30000 : 2000000, THREADS = 3, CYCLES = SANITIZED ? 1000 : 10000 };

static depot_t depot;
static _Atomic uint32_t holders[MAGAZINES];
static magazine_t *magazines;

/* Pop two, and push them in the same order: the order in which ABA happens. */
static void pop_and_push(size_t number)
{
    (void)number;
    for (int i = 0; i < TURNS; i++) {
        magazine_t *held[2] = {depot_pop(&depot), depot_pop(&depot)};
        for (int j = 0; j < 2; j++)
            if (held[j])
                CHECK(atomic_fetch_add(&holders[held[j] - magazines], 1) == 0);
        for (int j = 0; j < 2; j++)
            if (held[j]) {
                holders[held[j] - magazines] = 0;
                depot_push(&depot, held[j]);
            }
    }
}

Test(pool_race, no_magazine_is_popped_twice)
{
    start();
    magazines = heap_aligned(MAGAZINE_SIZE, MAGAZINES * sizeof *magazines);
    memset(magazines, 0, MAGAZINES * sizeof *magazines);
    for (int i = 0; i < MAGAZINES; i++)
        depot_push(&depot, &magazines[i]);
    threads_run(THREADS, pop_and_push);
    int left = 0;
    while (depot_pop(&depot))
        left++;
    cr_expect_eq(left, MAGAZINES);
}

/* --- a cycle takes no object that a thread is about to hand out --- */

static weir_pool *pool;
static atomic_bool over;
static atomic_long made, dropped, turns;

static void *make(void *ctx)
{
    (void)ctx;
    _Atomic int *p = heap_malloc(64);
    *p = 1;
    made++;
    return (void *)p;
}

static void drop(void *ctx, void *p)
{
    (void)ctx;
    CHECK(atomic_exchange((_Atomic int *)p, 3) == 2, "dropped while in use, or twice");
    dropped++;
    heap_free(p);
}

static void use(size_t number)
{
    (void)number;
    while (!over) {
        _Atomic int *p = weir_pool_get(pool);
        int was = atomic_exchange(p, 1);
        CHECK(was == 2 || was == 1, "got what was dropped");
        atomic_store(p, 2);
        weir_pool_put(pool, (void *)p);
        turns++;
    }
}

static void *use_in_threads(void *unused)
{
    threads_run(2, use);
    return unused;
}

Test(pool_race, cycles_while_others_get_and_put)
{
    start();
    pthread_t thread;
    pool = weir_pool_new(&(weir_pool_options){.new_object = make, .drop = drop});
    pthread_create(&thread, NULL, use_in_threads, NULL);
    for (int i = 0; i < CYCLES || turns < TURNS; i++)
        cycle_run(CYCLE_FORCED);
    over = true;
    pthread_join(thread, NULL);
    weir_pool_free(pool);
    cr_expect_eq(made, dropped);
}
