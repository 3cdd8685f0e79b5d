/* arena_watch: what arenas report to a memory tool. The test stands in for heaptrack; docs/arena.md has the
 * program run under AddressSanitizer and valgrind.
 */
#include <weir/builder.h>

#include <criterion/criterion.h>

#include "tests/unit/heaptrack.h"

static size_t told_bytes(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < told_count; i++)
        sum += told[i].size;
    return sum;
}

Test(arena_watch, every_object_is_told_of_in_its_size)
{
    weir_arena *arena = weir_arena_new(NULL);
    weir_arena_alloc(arena, 10);
    weir_arena_alloc(arena, 100000);
    weir_arena_alloc_aligned(arena, 4096, 7);
    cr_expect_eq(told_count, 3);
    cr_expect_eq(told_bytes(), 100017);
    weir_arena_place place = weir_arena_mark(arena);
    char *p = weir_arena_alloc(arena, 20);
    weir_arena_alloc(arena, 5);
    cr_expect_eq(weir_arena_resize(arena, p, 20, 15), p);
    cr_expect_eq(told_bytes(), 100017 + 20);
    weir_arena_rewind(arena, place);
    cr_expect_eq(told_count, 3);
    weir_arena_reset(arena);
    cr_expect_eq(told_count, 0);
    weir_arena_alloc(arena, 1);
    weir_arena_free(arena);
    cr_expect_eq(told_count, 0);
}

Test(arena_watch, builders_grow_in_place)
{
    weir_arena *arena = weir_arena_new(NULL);
    weir_builder text = weir_builder_on(arena, 0);
    for (int i = 0; i < 500; i++)
        cr_assert(weir_builder_add_char(&text, 'x'));
    cr_expect_eq(strlen(weir_builder_string(&text)), 500);
    cr_expect_eq(told_count, 1);
    cr_expect_eq(told_bytes(), 501);
    weir_arena_free(arena);
}

Test(arena_watch, adopted_objects_are_the_adopters)
{
    weir_arena *into = weir_arena_new(NULL), *from = weir_arena_new(NULL);
    weir_arena_alloc(into, 10);
    weir_arena_alloc(from, 20);
    weir_arena_adopt(into, from);
    cr_expect_eq(told_count, 2);
    weir_arena_free(into);
    cr_expect_eq(told_count, 0);
}

Test(arena_watch, shared_arenas_tell_each_object)
{
    weir_shared_arena *shared = weir_shared_arena_new(NULL);
    size_t before = told_count;
    for (int i = 0; i < 100; i++)
        weir_shared_arena_alloc(shared, 10);
    cr_expect_eq(told_count, before + 100);
    weir_shared_arena_free(shared);
    cr_expect_eq(told_count, 0);
}
