/* roots_arenas: what the collector finds in scanned arenas, against a model that knows what is reached. */
#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <weir/arena.h>
#include <weir/gc.h>

#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "tests/unit/gc/roots/roots_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* --- arenas --- */

__attribute__((noinline)) static hidden_t put_in_arena(weir_arena *arena, size_t size)
{
    link_t *link = weir_arena_alloc(arena, size);
    cr_assert_not_null(link);
    link->object = weir_gc_alloc(48);
    return hide(link->object);
}

Test(roots_arenas, a_scanned_arena_keeps_what_it_points_to, .init = begin)
{
    weir_arena *arena = weir_arena_new(&scanned), *plain = weir_arena_new(NULL);
    hidden_t small = put_in_arena(arena, 100), large = put_in_arena(arena, 100000);
    hidden_t none = put_in_arena(plain, 100);
    collect();
    cr_expect(is_alive(small));
    cr_expect(is_alive(large));
    cr_expect_not(is_alive(none), "an arena is not looked into unless it was made so");
    weir_arena_free(arena);
    collect();
    cr_expect_not(is_alive(small));
    cr_expect_not(is_alive(large));
    weir_arena_free(plain);
}

Test(roots_arenas, what_is_rewound_keeps_nothing, .init = begin)
{
    weir_arena *arena = weir_arena_new(&scanned);
    enum { OBJECTS = 500 };
    hidden_t before = put_in_arena(arena, 40), after[OBJECTS];
    weir_arena_place place = weir_arena_mark(arena);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < OBJECTS; i++)
            after[i] = put_in_arena(arena, 40 + i * 7);
        collect();
        for (size_t i = 0; i < OBJECTS; i++)
            cr_assert(is_alive(after[i]), "%zu", i);
        weir_arena_rewind(arena, place);
        put_in_arena(arena, 5000); /* uses a block again in which pointers were */
        collect();
        size_t kept = 0;
        for (size_t i = 0; i < OBJECTS; i++)
            kept += is_alive(after[i]);
        cr_expect_leq(kept, 2, "%zu", kept);
        cr_expect(is_alive(before));
    }
    weir_arena_free(arena);
}

/* The bytes that it gives up become free, and so zero: the object before a place may have shrunk. */
Test(roots_arenas, an_object_that_shrinks_keeps_nothing_behind_its_end, .init = begin)
{
    weir_arena *arena = weir_arena_new(&scanned);
    char *object = weir_arena_alloc(arena, 64);
    memset(object, 0, 64);
    ((link_t *)(void *)(object + 32))->object = weir_gc_alloc(48);
    hidden_t behind = hide(((link_t *)(void *)(object + 32))->object);
    collect();
    cr_expect(is_alive(behind));
    cr_assert_eq(weir_arena_resize(arena, object, 64, 16), object);
    collect();
    cr_expect_not(is_alive(behind));
    cr_expect(SANITIZED || is_zero(object + 16, 48)); /* AddressSanitizer lets nobody read it */
    weir_arena_free(arena);
}

/* A string that does not fit into the block has been printed there as far as it fits. Under AddressSanitizer it
 * is not printed there. */
Test(roots_arenas, a_string_that_moves_on_leaves_nothing_behind, .init = begin, .disabled = SANITIZED)
{
    weir_arena *arena = weir_arena_new(&scanned);
    char *first = weir_arena_alloc(arena, 16), *free_part = first + 16;
    size_t room = (size_t)(arena->end - free_part);
    char *string = weir_arena_printf(arena, "%0*d", (int)room + 10, 7);
    cr_expect(room > 0 && string != free_part && strlen(string) == room + 10);
    cr_expect(is_zero(free_part, room));
    weir_arena_free(arena);
}

Test(roots_arenas, a_scanned_arena_in_the_caller_s_memory, .init = begin)
{
    static char memory[4096];
    weir_arena_options wanted = {
        .scan = true, .first_block = memory + 8, .first_block_size = sizeof memory - 8};
    memset(memory, 0xff, sizeof memory);
    weir_arena *arena = weir_arena_new(&wanted);
    hidden_t p = put_in_arena(arena, 100), q = put_in_arena(arena, 10000);
    collect();
    cr_expect(is_alive(p));
    cr_expect(is_alive(q));
    weir_arena_free(arena);
}

Test(roots_arenas, adopted_arenas_stay_roots, .init = begin)
{
    weir_arena *into = weir_arena_new(NULL), *from = weir_arena_new(&scanned);
    weir_arena_alloc(into, 1000);
    hidden_t p = put_in_arena(from, 100), q = put_in_arena(from, 50000);
    weir_arena_adopt(into, from);
    hidden_t r = put_in_arena(into, 100);
    collect();
    cr_expect(is_alive(p));
    cr_expect(is_alive(q));
    cr_expect(is_alive(r));
    weir_arena_free(into);
    collect();
    cr_expect_not(is_alive(q));
}

Test(roots_arenas, a_checked_arena_may_be_scanned, .init = begin)
{
    weir_arena *arena = weir_arena_new(&(weir_arena_options){.scan = true, .check = true});
    weir_arena_place place = weir_arena_mark(arena);
    for (int i = 0; i < 20; i++) {
        hidden_t p = put_in_arena(arena, 100), q = put_in_arena(arena, 30000);
        collect();
        cr_expect(is_alive(p));
        cr_expect(is_alive(q));
        weir_arena_rewind(arena, place);
        collect();
    }
    weir_arena_free(arena);
}

/* A random history of arenas, with marks, against a model: a stack of objects for each, all of which live. */
enum { ARENAS = 6, DEPTH = 400, MARKS = 8 };

static struct model {
    weir_arena *arena;
    size_t count, marks;
    hidden_t objects[DEPTH];
    size_t mark_count[MARKS];
    weir_arena_place places[MARKS];
} models[ARENAS];

static void model_check(void)
{
    collect();
    for (size_t a = 0; a < ARENAS; a++)
        for (size_t i = 0; i < models[a].count; i++)
            cr_assert(is_alive(models[a].objects[i]), "arena %zu, object %zu", a, i);
}

static void model_step(struct model *model, uint64_t *random)
{
    switch (random_below(random, 12)) {
    case 0:
        if (model->marks < MARKS) {
            model->mark_count[model->marks] = model->count;
            model->places[model->marks++] = weir_arena_mark(model->arena);
        }
        break;
    case 1:
        if (model->marks > 0) {
            model->count = model->mark_count[--model->marks];
            weir_arena_rewind(model->arena, model->places[model->marks]);
        }
        break;
    case 2:
        if (random_below(random, 8) == 0) {
            weir_arena_free(model->arena);
            model->arena = weir_arena_new(&scanned);
            model->count = model->marks = 0;
        }
        break;
    case 3:
        weir_arena_release(model->arena);
        model->count = model->marks = 0;
        break;
    default:
        for (size_t i = 0; i < 20 && model->count < DEPTH; i++)
            model->objects[model->count++] =
                put_in_arena(model->arena, sizeof(link_t) + random_below(random, i ? 300 : 20000));
    }
}

Test(roots_arenas, random_arenas_against_a_model, .init = begin)
{
    uint64_t random = 7;
    for (size_t a = 0; a < ARENAS; a++)
        models[a].arena = weir_arena_new(&scanned);
    for (int step = 0; step < 1500; step++) {
        model_step(&models[random_below(&random, ARENAS)], &random);
        if (step % 10 == 0)
            model_check();
    }
    for (size_t a = 0; a < ARENAS; a++)
        weir_arena_free(models[a].arena);
}
