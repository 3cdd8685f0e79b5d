/* operations_pool: objects of pools, each of which knows where it is. */
#include <weir/heap.h>
#include <weir/pool.h>

#include "tests/fuzz/operations.h"
#include "tests/unit/support.h"

enum { POOLS = 2, HELD = 16 };
enum state { OUTSIDE = 0x4f, INSIDE = 0x49 };

typedef struct object {
    int state;
    size_t pool;
    uint64_t pattern;
    char bytes[];
} object_t;

static const size_t sizes[POOLS] = {24, 5000};
static weir_pool *pools[POOLS];
static object_t *held[HELD];
static size_t made, dropped;

static void *make(void *context)
{
    size_t pool = (size_t)(uintptr_t)context;
    object_t *object = weir_malloc(sizeof *object + sizes[pool]);
    if (!object)
        return NULL;
    *object = (object_t){.state = OUTSIDE, .pool = pool, .pattern = ++made};
    pattern_fill(object->bytes, sizes[pool], object->pattern);
    return object;
}

static void drop(void *context, void *p)
{
    object_t *object = p;
    CHECK(object->pool == (size_t)(uintptr_t)context && object->state == INSIDE);
    CHECK(pattern_intact(object->bytes, sizes[object->pool], sizes[object->pool], object->pattern));
    object->state = 0;
    dropped++;
    weir_free(object);
}

void pool_begin(void)
{
    for (size_t i = 0; i < POOLS; i++) {
        weir_pool_options wanted = {
            .new_object = make, .drop = drop, .ctx = (void *)(uintptr_t)i, .name = "fuzz"};
        pools[i] = weir_pool_new(&wanted);
        CHECK(pools[i]);
    }
}

static object_t *get(size_t pool)
{
    object_t *object = weir_pool_get(pools[pool]);
    CHECK(object || operations_may_fail);
    if (!object)
        return NULL;
    CHECK(object->pool == pool && (object->state == INSIDE || object->state == OUTSIDE));
    CHECK(pattern_intact(object->bytes, sizes[pool], sizes[pool], object->pattern));
    for (size_t i = 0; i < HELD; i++)
        CHECK(held[i] != object);
    object->state = OUTSIDE;
    return object;
}

static void put(object_t **object)
{
    if (!*object)
        return;
    CHECK((*object)->state == OUTSIDE);
    (*object)->state = INSIDE;
    weir_pool_put(pools[(*object)->pool], *object);
    *object = NULL;
}

void pool_step(input_t *input)
{
    uint32_t kind = input_byte(input);
    object_t **object = &held[kind % HELD];
    if (*object)
        put(object);
    else
        *object = get(kind / HELD % POOLS);
}

void pool_end(void)
{
    for (size_t i = 0; i < HELD; i++)
        put(&held[i]);
    for (size_t i = 0; i < POOLS; i++) {
        weir_pool_stats stats;
        weir_read_pool_stats(pools[i], &stats);
        CHECK(stats.gets == stats.hits + stats.misses && stats.held == stats.puts - stats.hits - stats.drops);
    }
    CHECK(dropped <= made);
}
