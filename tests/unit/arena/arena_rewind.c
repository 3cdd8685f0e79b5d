/* arena_rewind: going back to a place; cleanups, children, adoption. */
#include <weir/arena.h>

#include <criterion/criterion.h>

#include "arena/arena.h"
#include "tests/unit/arena/arena_tests.h"
#include "tests/unit/support.h"

/* --- going back --- */

Test(arena_rewind, marks_nest)
{
    weir_arena *arena = weir_arena_new(NULL);
    char *kept = weir_arena_strdup(arena, "kept");
    weir_arena_place outer = weir_arena_mark(arena);
    char *first = weir_arena_alloc(arena, 100);
    weir_arena_place inner = weir_arena_mark(arena);
    for (int i = 0; i < 1000; i++)
        weir_arena_alloc(arena, i % 50 ? 200 : 20000);
    size_t held = weir_arena_held(arena);
    weir_arena_rewind(arena, inner);
    weir_arena_rewind(arena, outer);
    cr_expect_eq(weir_arena_alloc(arena, 100), first);
    cr_expect_eq(weir_arena_held(arena), held);
    cr_expect_str_eq(kept, "kept");
    weir_arena_free(arena);
}

/* A large object lies in a block behind the current one. Rewinding to a place keeps the large objects
 * allocated before it, and frees those allocated after it. */
Test(arena_rewind, large_objects_before_a_place_stay)
{
    weir_arena *arena = weir_arena_new(NULL);
    char *large = weir_arena_alloc(arena, KIB(100) - 100);
    cr_assert_not_null(arena_of(arena)->taken);
    pattern_fill(large, KIB(100) - 100, 5);
    weir_arena_place place = weir_arena_mark(arena);
    size_t held = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 50; i++)
            memset(weir_arena_alloc(arena, 30000), 0, 30000);
        cr_expect(held == 0 || held == weir_arena_held(arena), "later ones are used again");
        held = weir_arena_held(arena);
        weir_arena_rewind(arena, place);
        cr_assert(pattern_intact(large, KIB(100) - 100, KIB(100) - 100, 5));
    }
    weir_arena_free(arena);
}

static char journal[64];

static void write_journal(void *context)
{
    journal[strlen(journal)] = (char)(uintptr_t)context;
}

static void note(weir_arena *arena, void (*run)(void *context), char letter)
{
    cr_assert(weir_arena_cleanup(arena, run, (void *)(uintptr_t)letter));
}

Test(arena_rewind, cleanups_run_latest_first)
{
    weir_arena *arena = weir_arena_new(NULL);
    note(arena, write_journal, 'a');
    note(arena, write_journal, 'b');
    weir_arena_place place = weir_arena_mark(arena);
    note(arena, write_journal, 'c');
    note(arena, write_journal, 'd');
    weir_arena_rewind(arena, place);
    cr_expect_str_eq(journal, "dc");
    weir_arena_reset(arena);
    cr_expect_str_eq(journal, "dcba");
    note(arena, write_journal, 'e');
    weir_arena_free(arena);
    cr_expect_str_eq(journal, "dcbae");
}

static weir_arena *allocating;

static void allocate_in_cleanup(void *context)
{
    pattern_fill(weir_arena_alloc(allocating, 5000), 5000, 1);
    write_journal(context);
}

Test(arena_rewind, cleanups_may_allocate)
{
    allocating = weir_arena_new(NULL);
    note(allocating, allocate_in_cleanup, 'x');
    weir_arena_reset(allocating);
    size_t held = weir_arena_held(allocating);
    note(allocating, allocate_in_cleanup, 'y');
    weir_arena_reset(allocating);
    cr_expect_eq(weir_arena_held(allocating), held);
    note(allocating, allocate_in_cleanup, 'z');
    weir_arena_free(allocating);
    cr_expect_str_eq(journal, "xyz");
}

Test(arena_rewind, children_end_with_their_parent)
{
    weir_arena *parent = weir_arena_new(NULL);
    note(parent, write_journal, '1');
    weir_arena_place place = weir_arena_mark(parent);
    weir_arena *child = arena_with((weir_arena_options){.parent = parent});
    note(child, write_journal, 'c');
    weir_arena *grandchild = arena_with((weir_arena_options){.parent = child});
    note(grandchild, write_journal, 'g');
    note(parent, write_journal, '2');
    weir_arena *early = arena_with((weir_arena_options){.parent = parent});
    note(early, write_journal, 'e');
    weir_arena_free(early);
    cr_expect_str_eq(journal, "e");
    weir_arena_rewind(parent, place);
    cr_expect_str_eq(journal, "e2gc");
    weir_arena_free(parent);
    cr_expect_str_eq(journal, "e2gc1");
}

Test(arena_rewind, adoption)
{
    weir_arena *into = weir_arena_new(NULL);
    note(into, write_journal, 'i');
    weir_arena_place place = weir_arena_mark(into);
    for (int round = 0; round < 3; round++) {
        memset(journal, 0, sizeof journal);
        weir_arena *from = arena_with((weir_arena_options){.parent = into});
        note(from, write_journal, 'f');
        weir_arena *child = arena_with((weir_arena_options){.parent = from});
        note(child, write_journal, 'c');
        char *objects[100];
        for (size_t i = 0; i < COUNT(objects); i++)
            pattern_fill(objects[i] = weir_arena_alloc(from, i * 100), i * 100, i);
        size_t held = weir_arena_held(into) + weir_arena_held(from);
        weir_arena_adopt(into, from);
        cr_expect_eq(weir_arena_held(into), held);
        for (int i = 0; i < 1000; i++)
            memset(weir_arena_alloc(into, 300), 0, 300);
        for (size_t i = 0; i < COUNT(objects); i++)
            cr_assert(pattern_intact(objects[i], i * 100, i * 100, i));
        note(into, write_journal, 'l');
        cr_expect_str_eq(journal, "");
        weir_arena_rewind(into, place);
        cr_expect_str_eq(journal, "lcf");
    }
    weir_arena_free(into);
    cr_expect_str_eq(journal, "lcfi");
}
