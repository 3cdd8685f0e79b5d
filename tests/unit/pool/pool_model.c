/* pool_model: random gets and puts in several pools, by threads that come and go and hand objects to each
 * other, while cycles run, against a shadow: each object knows who has it, and its contents.
 *
 *   once        an object's state is swapped at each get, put and drop; another state than the expected one
 *               means that an object is in two places
 *   contents    a pattern of the object's number and generation survives the pool
 *   none lost   at the end every object that was made has been dropped, by the pool or by its holder
 *
 * MODEL_SEED and MODEL_STEPS in the environment repeat a run or make it longer.
 */
#include <criterion/criterion.h>
#include <stdatomic.h>

#include "pool/pool.h"
#include "runtime/config/options.h"
#include "runtime/control/control.h"
#include "runtime/cycle/cycle.h"
#include "tests/unit/support.h"

enum { POOLS = 5, THREADS = 4, LIVES = 6, HELD = 300, BOXES = 32, STEPS = SANITIZED ? 4000 : 40000 };
enum state { OUTSIDE = 1, INSIDE = 2 };

typedef struct object {
    _Atomic int state;
    size_t pool, size;
    uint64_t pattern;
    char bytes[];
} object_t;

static struct {
    weir_pool *pools[POOLS];
    _Atomic(object_t *) boxes[BOXES];
    atomic_long made, dropped;
    uint64_t seed;
    size_t steps;
} model;

static const size_t sizes[POOLS] = {16, 100, 4000, 40000, 300000};

static void *model_make(void *ctx)
{
    size_t pool = (size_t)(uintptr_t)ctx, size = sizes[pool];
    object_t *object = heap_malloc(sizeof *object + size);
    CHECK(object != NULL);
    *object = (object_t){.pool = pool, .size = size, .state = OUTSIDE};
    pattern_fill(object->bytes, size, object->pattern);
    model.made++;
    return object;
}

static void move(object_t *object, int from, int to)
{
    CHECK(atomic_exchange(&object->state, to) == from, "seed %lu", (unsigned long)model.seed);
    CHECK(pattern_intact(object->bytes, object->size, object->size, object->pattern));
}

static void dispose(object_t *object)
{
    move(object, OUTSIDE, 0);
    model.dropped++;
    heap_free(object);
}

static void model_drop(void *ctx, void *p)
{
    object_t *object = p;
    CHECK(object->pool == (size_t)(uintptr_t)ctx);
    move(object, INSIDE, OUTSIDE);
    dispose(object);
}

static object_t *get(size_t pool, uint64_t *random)
{
    object_t *object = weir_pool_get(model.pools[pool]);
    if (object->state == INSIDE)
        move(object, INSIDE, OUTSIDE);
    CHECK(object->pool == pool && object->state == OUTSIDE);
    object->pattern = random_next(random);
    pattern_fill(object->bytes, object->size, object->pattern);
    return object;
}

static void put(object_t *object)
{
    move(object, OUTSIDE, INSIDE);
    weir_pool_put(model.pools[object->pool], object);
}

static void step(object_t **held, uint64_t *random)
{
    object_t **at = &held[random_below(random, HELD)];
    size_t kind = random_below(random, 1000);
    if (kind < 450 && !*at)
        *at = get(random_below(random, POOLS), random);
    else if (kind < 960 && *at) {
        put(*at);
        *at = NULL;
    } else if (kind < 985 && *at)
        *at = atomic_exchange(&model.boxes[random_below(random, BOXES)], *at);
    else if (kind < 990 && *at) {
        dispose(*at);
        *at = NULL;
    } else if (kind == 999)
        cycle_run(CYCLE_FORCED);
    else if (kind == 998)
        heap_free(heap_malloc(MIB(3)));
}

static void run(size_t number)
{
    uint64_t random = model.seed * 1000 + number;
    object_t *held[HELD] = {NULL};
    for (size_t i = 0; i < model.steps; i++)
        step(held, &random);
    for (size_t i = 0; i < HELD; i++)
        if (held[i])
            put(held[i]);
}

static void check_account(void)
{
    uint64_t held = 0;
    for (size_t i = 0; i < POOLS; i++) {
        weir_pool_stats stats;
        weir_read_pool_stats(model.pools[i], &stats);
        cr_expect_eq(stats.gets, stats.hits + stats.misses);
        held += stats.held;
    }
    size_t boxed = 0;
    for (size_t i = 0; i < BOXES; i++)
        boxed += model.boxes[i] != NULL;
    cr_expect_eq((long)(held + boxed), model.made - model.dropped);
}

static void model_run(uint64_t seed)
{
    const char *given = getenv("MODEL_SEED"), *steps = getenv("MODEL_STEPS");
    model.seed = given ? strtoull(given, NULL, 0) : seed;
    model.steps = steps ? strtoull(steps, NULL, 0) : STEPS / LIVES;
    for (size_t i = 0; i < POOLS; i++)
        model.pools[i] = weir_pool_new(&(weir_pool_options){
            .new_object = model_make, .drop = model_drop, .ctx = (void *)i, .name = "model"});
    for (int life = 0; life < LIVES; life++, model.seed++) {
        threads_run(THREADS, run);
        check_account();
    }
    for (size_t i = 0; i < BOXES; i++)
        if (model.boxes[i])
            dispose(model.boxes[i]);
    for (size_t i = 0; i < POOLS; i++)
        weir_pool_free(model.pools[i]);
    cr_expect_eq(model.made, model.dropped);
    verify_own();
}

static void start(int poolcheck)
{
    heap_free(heap_malloc(1));
    options.poolcheck = poolcheck;
}

Test(pool_model, at_the_defaults)
{
    start(OPTIONS_POOLCHECK_OFF);
    model_run(1);
}

Test(pool_model, cycles_come_fast)
{
    start(OPTIONS_POOLCHECK_OFF);
    control_set_gc_percent(5);
    model_run(2);
}

Test(pool_model, under_a_limit)
{
    start(OPTIONS_POOLCHECK_OFF);
    control_set_memory_limit((int64_t)MIB(20));
    model_run(3);
}
