/* arena_tests: what the tests of arenas share. */
#ifndef WEIR_TESTS_UNIT_ARENA_TESTS_H
#define WEIR_TESTS_UNIT_ARENA_TESTS_H

#include <weir/arena.h>
#include <criterion/criterion.h>
#include "arena/arena.h"
#include "tests/unit/support.h"

static inline weir_arena *arena_with(weir_arena_options wanted)
{
    weir_arena *arena = weir_arena_new(&wanted);
    cr_assert_not_null(arena);
    return arena;
}

#endif
