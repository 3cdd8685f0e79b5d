/* arena_check: in a checked arena an access to memory that was freed, reset or rewound stops the program; no
 * other access does. */
#include <weir/arena.h>

#include <criterion/criterion.h>
#include <signal.h>

#include "runtime/config/options.h"
#include "runtime/pages/pages.h"
#include "tests/unit/support.h"

/* Under a sanitizer the program exits with a report; otherwise the kernel ends it by SIGSEGV. */
#if defined(__SANITIZE_ADDRESS__)
#define STOPS .exit_code = 1
#elif defined(__SANITIZE_THREAD__)
#define STOPS .exit_code = 66
#else
#define STOPS .signal = SIGSEGV
#endif

static weir_arena *checked_arena(void)
{
    return weir_arena_new(&(weir_arena_options){.check = true});
}

static void touch(char *p)
{
    *(volatile char *)p = 1;
}

Test(arena_check, after_free, STOPS)
{
    weir_arena *arena = checked_arena();
    char *p = weir_arena_alloc(arena, 10);
    touch(p);
    weir_arena_free(arena);
    touch(p);
}

Test(arena_check, the_arena_after_free, STOPS)
{
    weir_arena *arena = checked_arena();
    weir_arena_free(arena);
    weir_arena_alloc(arena, 10);
}

Test(arena_check, after_reset, STOPS)
{
    weir_arena *arena = checked_arena();
    char *p = weir_arena_alloc(arena, 10);
    weir_arena_reset(arena);
    touch(p);
}

Test(arena_check, after_rewind, STOPS)
{
    weir_arena *arena = checked_arena();
    touch(weir_arena_alloc(arena, 10));
    weir_arena_place place = weir_arena_mark(arena);
    char *p = weir_arena_alloc(arena, 10);
    weir_arena_rewind(arena, place);
    touch(p);
}

Test(arena_check, a_large_object_after_rewind, STOPS)
{
    weir_arena *arena = checked_arena();
    weir_arena_place place = weir_arena_mark(arena);
    char *p = weir_arena_alloc(arena, MIB(1));
    touch(p + MIB(1) - 1);
    weir_arena_rewind(arena, place);
    touch(p + KIB(500));
}

Test(arena_check, an_object_in_a_block_of_the_callers, STOPS)
{
    static char room[KIB(8)];
    weir_arena *arena = weir_arena_new(
        &(weir_arena_options){.check = true, .first_block = room, .first_block_size = sizeof room});
    char *p = weir_arena_alloc(arena, 10);
    weir_arena_reset(arena);
    touch(p);
}

Test(arena_check, by_the_option, STOPS)
{
    heap_free(heap_malloc(1));
    options.arenacheck = 1;
    weir_arena *arena = weir_arena_new(NULL);
    char *p = weir_arena_alloc(arena, 10);
    weir_arena_free(arena);
    touch(p);
}

Test(arena_check, what_is_before_a_place_stays)
{
    weir_arena *arena = checked_arena();
    char *kept = weir_arena_strdup(arena, "kept"), *large = weir_arena_alloc_zeroed(arena, 100000);
    weir_arena_place place = weir_arena_mark(arena);
    for (int i = 0; i < 100; i++) {
        char *p = weir_arena_alloc(arena, 3000);
        memset(p, 1, 3000);
        weir_arena_rewind(arena, place);
        cr_assert_neq((char *)weir_arena_alloc(arena, 3000), p, "an address is not used again");
        weir_arena_rewind(arena, place);
    }
    cr_expect_str_eq(kept, "kept");
    cr_expect(is_zero(large, 100000));
    weir_arena_free(arena);
}

Test(arena_check, memory_goes_back_at_once_and_addresses_in_the_end)
{
    heap_free(heap_malloc(1));
    size_t metadata = page_stats.metadata;
    for (int i = 0; i < 3000; i++) {
        weir_arena *arena = checked_arena();
        for (int j = 0; j < 10; j++)
            memset(weir_arena_alloc(arena, MIB(1)), 1, 100);
        cr_assert_gt(page_stats.metadata, metadata + MIB(10) - 1);
        weir_arena_free(arena);
    }
    cr_expect_eq(page_stats.metadata, metadata);
}
