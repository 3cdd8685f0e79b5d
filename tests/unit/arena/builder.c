/* builder: strings and arrays in an arena, pre-sized or growing, in place or moving. */
#include <weir/builder.h>

#include <criterion/criterion.h>
#include <errno.h>

#include "tests/unit/support.h"

Test(builder, strings_grow_in_place)
{
    weir_arena *arena = weir_arena_new(NULL);
    weir_builder text = weir_builder_on(arena, 0);
    cr_expect_null(text.bytes);
    weir_builder_add_str(&text, "a");
    char *start = text.bytes;
    for (int i = 0; i < 1000; i++)
        cr_assert(weir_builder_add_char(&text, 'b'));
    cr_expect_eq(text.bytes, start);
    char *string = weir_builder_string(&text);
    cr_expect_eq(string, start);
    cr_expect_eq(strlen(string), 1001);
    cr_expect_eq(text.length, 1001);
    char *next = weir_arena_alloc(arena, 1);
    cr_expect_leq((size_t)(next - string), 1001 + 48, "what was left over went back");
    weir_builder_add_str(&text, "c");
    string = weir_builder_string(&text);
    cr_expect(strlen(string) == 1002 && string[1001] == 'c' && string[1000] == 'b', "it may go on");
    weir_arena_free(arena);
}

Test(builder, printing)
{
    weir_arena *arena = weir_arena_new(NULL);
    weir_builder text = weir_builder_on(arena, 4);
    size_t length = 0;
    for (int i = 0; i < 500; i++) {
        cr_assert(weir_builder_printf(&text, "%d,", i));
        length += (size_t)snprintf(NULL, 0, "%d,", i);
        if (i % 100 == 50)
            weir_arena_alloc(arena, 100); /* it has to move */
    }
    char *string = weir_builder_string(&text);
    cr_expect_eq(strlen(string), length);
    for (int i = 0; i < 500; i++, string = strchr(string, ',') + 1)
        cr_assert_eq(atoi(string), i);
    weir_builder empty = weir_builder_on(arena, 0);
    cr_expect(weir_builder_add(&empty, NULL, 0));
    cr_expect_str_eq(weir_builder_string(&empty), "");
    weir_arena_free(arena);
}

Test(builder, one_check_at_the_end_is_enough)
{
    weir_arena *arena = weir_arena_new(&(weir_arena_options){.limit = 10000});
    weir_builder text = weir_builder_on(arena, 0);
    while (weir_builder_add_str(&text, "0123456789"))
        continue;
    cr_expect_eq(errno, ENOMEM);
    cr_expect_gt(text.length, 3000);
    weir_builder_add_str(&text, "");
    cr_expect_null(weir_builder_string(&text));
    cr_expect_not(weir_builder_reserve(&text, SIZE_MAX));
    weir_builder large = weir_builder_on(arena, 100000);
    cr_expect(large.failed);
    cr_expect_null(weir_builder_string(&large));
    weir_arena_free(arena);
}

Test(builder, arrays)
{
    weir_arena *arena = weir_arena_new(NULL);
    for (size_t item = 1; item < 100; item += 7) {
        weir_array array = weir_array_on(arena, item, item % 3 * 10);
        for (size_t i = 0; i < 1000; i++) {
            char *p = weir_array_push(&array);
            cr_assert_not_null(p);
            pattern_fill(p, item, i);
            if (i == 300)
                weir_arena_alloc(arena, 10);
        }
        cr_assert_eq(array.count, 1000);
        for (size_t i = 0; i < 1000; i++)
            cr_assert(pattern_intact(weir_array_at(&array, i), item, item, i));
    }
    weir_array numbers = weir_array_on(arena, sizeof(int), 0);
    cr_expect(weir_array_add(&numbers, (int[]){1, 2, 3}, 3));
    cr_expect(weir_array_add(&numbers, NULL, 0));
    *(int *)weir_array_push(&numbers) = 4;
    for (int i = 0; i < 4; i++)
        cr_expect_eq(((int *)numbers.items)[i], i + 1);
    cr_expect_not(weir_array_reserve(&numbers, SIZE_MAX / 2));
    cr_expect_not(weir_array_reserve(&numbers, SIZE_MAX / 4));
    cr_expect_eq(numbers.count, 4);
    weir_arena_free(arena);
}

Test(builder, a_presized_array_never_moves)
{
    weir_arena *arena = weir_arena_new(NULL);
    weir_array array = weir_array_on(arena, 8, 1000);
    void *start = array.items;
    weir_arena_alloc(arena, 10);
    for (int i = 0; i < 1000; i++)
        weir_array_push(&array);
    cr_expect_eq(array.items, start);
    weir_arena_free(arena);
}
