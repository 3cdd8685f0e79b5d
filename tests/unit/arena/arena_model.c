/* arena_model: random operations on arenas, by several threads, against a shadow of what each arena holds.
 *
 * Every object holds a pattern made of its own number, which is checked whenever something was taken back and
 * when an object moves. This finds objects that overlap, and objects whose memory was given away. A shadow
 * arena is a stack of objects, places and counted cleanups, as an arena is; rewinding pops it.
 *
 * MODEL_SEED and MODEL_STEPS in the environment repeat a run or make it longer.
 */
#include <weir/builder.h>

#include <criterion/criterion.h>

#include "arena/arena.h"
#include "runtime/control/control.h"
#include "runtime/observe/stats.h"
#include "tests/unit/support.h"

enum { THREADS = 3, ARENAS = 6, OBJECTS = 3000, PLACES = 8, STEPS = SANITIZED ? 10000 : 60000 };

typedef struct object {
    char *p;
    size_t size;
    uint64_t pattern;
} object_t;

typedef struct shadow {
    weir_arena *arena; /* NULL: there is none */
    object_t objects[OBJECTS];
    size_t count, cleanups;
    size_t ran; /* of the cleanups */
    struct {
        weir_arena_place place;
        size_t count, cleanups;
    } places[PLACES];
    size_t place_count;
} shadow_t;

typedef struct worker {
    uint64_t random;
    size_t number, step;
    bool checked;
    shadow_t shadows[ARENAS];
} worker_t;

static worker_t workers[THREADS];
static uint64_t model_seed;
static bool model_checked;

#define MODEL_CHECK(worker, condition)                                                                       \
    CHECK(condition, "thread %zu, step %zu, MODEL_SEED=%lu", (worker)->number, (worker)->step,               \
          (unsigned long)model_seed)

static size_t pick(worker_t *worker, size_t bound)
{
    return random_below(&worker->random, bound);
}

static size_t pick_size(worker_t *worker)
{
    size_t kind = pick(worker, 1000);
    return pick(worker, kind < 900 ? 200 : kind < 980 ? 5000 : kind < 998 ? 100000 : MIB(2));
}

static void check_object(worker_t *worker, const object_t *object)
{
    MODEL_CHECK(worker, pattern_intact(object->p, object->size, object->size, object->pattern));
}

static void check_objects(worker_t *worker, const shadow_t *shadow)
{
    for (size_t i = 0; i < shadow->count; i++)
        check_object(worker, &shadow->objects[i]);
}

/* Pop the shadow to an earlier state, and check the contents of the objects that remain. */
static void pop_to(worker_t *worker, shadow_t *shadow, size_t count, size_t cleanups)
{
    MODEL_CHECK(worker, shadow->ran == shadow->cleanups - cleanups);
    shadow->count = count;
    shadow->cleanups = cleanups;
    shadow->ran = 0;
    check_objects(worker, shadow);
}

static void count_cleanup(void *context)
{
    ++*(size_t *)context;
}

/* --- operations --- */

static void do_new(worker_t *worker, shadow_t *shadow)
{
    if (shadow->arena)
        return;
    weir_arena_options wanted = {.block_size = pick(worker, 3) ? 0 : pick(worker, 100000),
                                 .check = worker->checked};
    *shadow = (shadow_t){.arena = weir_arena_new(&wanted)};
    MODEL_CHECK(worker, shadow->arena != NULL);
}

static void *allocate(worker_t *worker, weir_arena *arena, size_t size)
{
    size_t alignment = (size_t)1 << pick(worker, pick(worker, 50) ? 8 : 17);
    char *p;
    switch (pick(worker, 4)) {
    case 0:
        p = weir_arena_alloc_aligned(arena, alignment, size);
        MODEL_CHECK(worker, (uintptr_t)p % alignment == 0);
        return p;
    case 1:
        p = weir_arena_alloc_zeroed(arena, size);
        MODEL_CHECK(worker, is_zero(p, size));
        return p;
    default:
        return weir_arena_alloc(arena, size);
    }
}

static void do_alloc(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena || shadow->count == OBJECTS)
        return;
    size_t size = pick_size(worker);
    object_t object = {allocate(worker, shadow->arena, size), size, random_next(&worker->random)};
    MODEL_CHECK(worker, object.p && (uintptr_t)object.p % 16 == 0);
    pattern_fill(object.p, size, object.pattern);
    shadow->objects[shadow->count++] = object;
}

static void do_resize(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena || shadow->count == 0)
        return;
    size_t which = pick(worker, 2) ? shadow->count - 1 : pick(worker, shadow->count),
           size = pick_size(worker);
    if (shadow->place_count && which < shadow->places[shadow->place_count - 1].count)
        return; /* if it moved, rewinding would free it, but not its shadow */
    object_t *object = &shadow->objects[which];
    char *p = weir_arena_resize(shadow->arena, object->p, object->size, size);
    size_t kept = size < object->size ? size : object->size;
    MODEL_CHECK(worker, p && pattern_intact(p, object->size, kept, object->pattern));
    *object = (object_t){p, size, object->pattern};
    pattern_fill(p, size, object->pattern);
}

/* A string in pieces, with other objects between. */
static void do_build(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena || shadow->count + 1 >= OBJECTS)
        return;
    weir_builder text = weir_builder_on(shadow->arena, pick(worker, 100));
    uint64_t pattern = random_next(&worker->random);
    size_t pieces = pick(worker, 300);
    for (size_t i = 0; i < pieces; i++)
        MODEL_CHECK(worker, weir_builder_add_char(&text, (char)pattern_byte(pattern, i)));
    if (pick(worker, 2))
        do_alloc(worker, shadow);
    char *p = weir_builder_string(&text);
    MODEL_CHECK(worker, p && p[text.length] == '\0' && text.length == pieces);
    if (shadow->count < OBJECTS)
        shadow->objects[shadow->count++] = (object_t){p, pieces, pattern};
}

static void do_cleanup(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena)
        return;
    MODEL_CHECK(worker, weir_arena_cleanup(shadow->arena, count_cleanup, &shadow->ran));
    shadow->cleanups++;
}

static void do_mark(worker_t *worker, shadow_t *shadow)
{
    (void)worker;
    if (!shadow->arena || shadow->place_count == PLACES)
        return;
    size_t last = shadow->place_count++;
    shadow->places[last].place = weir_arena_mark(shadow->arena);
    shadow->places[last].count = shadow->count;
    shadow->places[last].cleanups = shadow->cleanups;
}

static void do_rewind(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena || shadow->place_count == 0)
        return;
    size_t to = shadow->place_count - 1 - pick(worker, 2) * (shadow->place_count > 1);
    weir_arena_rewind(shadow->arena, shadow->places[to].place);
    shadow->place_count = to + pick(worker, 2);
    pop_to(worker, shadow, shadow->places[to].count, shadow->places[to].cleanups);
}

static void do_reset(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena || pick(worker, 3))
        return;
    check_objects(worker, shadow);
    if (pick(worker, 2))
        weir_arena_reset(shadow->arena);
    else
        weir_arena_release(shadow->arena);
    shadow->place_count = 0;
    pop_to(worker, shadow, 0, 0);
}

static void do_free(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena)
        return;
    check_objects(worker, shadow);
    weir_arena_free(shadow->arena);
    MODEL_CHECK(worker, shadow->ran == shadow->cleanups);
    shadow->arena = NULL;
}

/* Adopt another arena, half of the time one that was a child before. Its cleanups are counted in this
 * shadow. */
static void do_adopt(worker_t *worker, shadow_t *shadow)
{
    if (!shadow->arena)
        return;
    weir_arena_options wanted = {.parent = pick(worker, 2) ? shadow->arena : NULL, .check = worker->checked};
    weir_arena *from = weir_arena_new(&wanted);
    size_t count = pick(worker, 40);
    for (size_t i = 0; i < count && shadow->count < OBJECTS; i++) {
        object_t object = {NULL, pick_size(worker), random_next(&worker->random)};
        object.p = weir_arena_alloc(from, object.size);
        pattern_fill(object.p, object.size, object.pattern);
        shadow->objects[shadow->count++] = object;
    }
    MODEL_CHECK(worker, weir_arena_cleanup(from, count_cleanup, &shadow->ran));
    shadow->cleanups++;
    weir_arena_adopt(shadow->arena, from);
}

static const struct {
    int weight;
    void (*run)(worker_t *worker, shadow_t *shadow);
} operations[] = {{4, do_new},  {60, do_alloc}, {8, do_resize}, {3, do_build}, {5, do_cleanup},
                  {7, do_mark}, {6, do_rewind}, {3, do_reset},  {2, do_free},  {2, do_adopt}};

static void worker_run(size_t number)
{
    worker_t *worker = &workers[number];
    const char *steps = getenv("MODEL_STEPS");
    size_t most = steps ? strtoull(steps, NULL, 0) : model_checked ? STEPS / 10 : STEPS;
    *worker = (worker_t){.random = model_seed + number, .number = number, .checked = model_checked};
    for (; worker->step < most; worker->step++) {
        int choice = (int)pick(worker, 100);
        size_t i = 0;
        while ((choice -= operations[i].weight) >= 0)
            i++;
        operations[i].run(worker, &worker->shadows[pick(worker, ARENAS)]);
    }
    for (size_t i = 0; i < ARENAS; i++)
        do_free(worker, &worker->shadows[i]);
    verify_own();
}

static void model_run(uint64_t otherwise)
{
    const char *wanted = getenv("MODEL_SEED");
    weir_mem_stats stats;
    model_seed = wanted ? strtoull(wanted, NULL, 0) : otherwise;
    threads_run(THREADS, worker_run);
    stats_read(&stats);
    cr_expect_eq(stats.arena_bytes, 0);
}

Test(arena_model, at_the_defaults)
{
    model_run(1);
}

Test(arena_model, nothing_is_kept)
{
    control_set_gc_percent(0);
    model_run(2);
}

Test(arena_model, checked)
{
    model_checked = true;
    model_run(3);
}

/* --- a shared arena: threads allocate and adopt into one --- */

enum { ROUNDS = 3, SHARED_OBJECTS = SANITIZED ? 1000 : 10000 };
static weir_shared_arena *shared;
static object_t shared_objects[THREADS][SHARED_OBJECTS];
static _Atomic size_t shared_cleanups;

static void count_shared(void *context)
{
    (void)context;
    shared_cleanups++;
}

static void fill_shared(size_t number)
{
    uint64_t random = model_seed + number;
    weir_arena *own = weir_arena_new(NULL);
    for (size_t i = 0; i < SHARED_OBJECTS; i++) {
        object_t *object = &shared_objects[number][i];
        size_t size = random_below(&random, i % 100 ? 100 : i % 1000 ? 3000 : 100000);
        char *p = i % 10 ? weir_shared_arena_alloc(shared, size) : weir_arena_alloc(own, size);
        if (i % 50 == 1)
            p = weir_shared_arena_alloc_aligned(shared, 256, size);
        CHECK(p && (uintptr_t)p % (i % 50 == 1 ? 256 : 16) == 0);
        *object = (object_t){p, size, random_next(&random)};
        pattern_fill(p, size, object->pattern);
        if (i % 500 == 0)
            CHECK(weir_shared_arena_cleanup(shared, count_shared, NULL));
    }
    weir_shared_arena_adopt(shared, own);
}

Test(arena_model, shared)
{
    shared = weir_shared_arena_new(NULL);
    for (model_seed = 1; model_seed <= ROUNDS; model_seed++) {
        threads_run(THREADS, fill_shared);
        for (size_t number = 0; number < THREADS; number++)
            for (size_t i = 0; i < SHARED_OBJECTS; i++) {
                object_t *object = &shared_objects[number][i];
                cr_assert(pattern_intact(object->p, object->size, object->size, object->pattern));
            }
        if (model_seed % 2)
            weir_shared_arena_reset(shared);
        else
            weir_shared_arena_release(shared);
        cr_expect_eq(shared_cleanups, model_seed * THREADS * SHARED_OBJECTS / 500);
    }
    cr_expect_gt(weir_shared_arena_held(shared), 0);
    weir_shared_arena_free(shared);
    weir_mem_stats stats;
    stats_read(&stats);
    cr_expect_eq(stats.arena_bytes, 0);
}
