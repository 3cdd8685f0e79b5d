/* arena: what each function of weir/arena.h promises. arena_model.c calls the functions in random order;
 * arena_rewind.c tests rewinding. */
#include <weir/arena.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/wait.h>

#include "arena/arena.h"
#include "runtime/control/control.h"
#include "runtime/observe/stats.h"
#include "tests/unit/arena/arena_tests.h"
#include "tests/unit/support.h"

static size_t blocks_of(const weir_arena *arena)
{
    size_t count = 0;
    for (const arena_block_t *block = ((const arena_t *)(const void *)arena)->first; block;
         block = block_newer(block))
        count++;
    return count;
}

/* --- allocation --- */

Test(arena, objects_are_aligned_and_apart)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 1000, 4000, 5000, 70000, MIB(1), MIB(3)};
    static struct {
        char *p;
        size_t size;
    } objects[2000];
    weir_arena *arena = weir_arena_new(NULL);
    for (size_t i = 0; i < COUNT(objects); i++) {
        objects[i].size = sizes[i % 100 == 99 ? i / 100 % COUNT(sizes) : i % 6];
        objects[i].p = weir_arena_alloc(arena, objects[i].size);
        cr_assert_eq((uintptr_t)objects[i].p % 16, 0);
        pattern_fill(objects[i].p, objects[i].size, i);
    }
    for (size_t i = 0; i < COUNT(objects); i++) {
        cr_assert(pattern_intact(objects[i].p, objects[i].size, objects[i].size, i), "object %zu", i);
        cr_assert(i == 0 || objects[i].p != objects[i - 1].p);
    }
    weir_arena_free(arena);
    weir_arena_free(NULL);
}

Test(arena, alignments)
{
    weir_arena *arena = weir_arena_new(NULL);
    for (size_t alignment = 1; alignment <= MIB(4); alignment *= 2)
        for (size_t size = 1; size < 10000; size *= 7) {
            char *p = weir_arena_alloc_aligned(arena, alignment, size);
            cr_assert_not_null(p);
            cr_assert_eq((uintptr_t)p % alignment, 0, "%zu", alignment);
            memset(p, 1, size);
        }
    errno = 0;
    volatile size_t odd = 24, none = 0; /* volatile: a compiler warns of values that it knows */
    cr_expect_null(weir_arena_alloc_aligned(arena, odd, 1));
    cr_expect_eq(errno, EINVAL);
    cr_expect_null(weir_arena_alloc_aligned(arena, none, 1));
    weir_arena_free(arena);
}

Test(arena, impossible_sizes_are_refused)
{
    weir_arena *arena = weir_arena_new(NULL);
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 16, (size_t)PTRDIFF_MAX + 1,
                                   PTRDIFF_MAX};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        volatile size_t size = sizes[i];
        errno = 0;
        cr_expect_null(weir_arena_alloc(arena, size));
        cr_expect_eq(errno, ENOMEM);
        cr_expect_null(weir_arena_alloc_aligned(arena, 64, size));
        cr_expect_null(weir_arena_alloc_zeroed(arena, size));
        cr_expect_null(weir_arena_resize(arena, NULL, 0, size));
    }
    volatile size_t half = SIZE_MAX / 2 + 1;
    cr_expect_null(weir_arena_alloc_array(arena, 2, half));
    cr_expect_null(weir_arena_alloc_array(arena, half, 4));
    cr_expect_not_null(weir_arena_alloc(arena, 10));
    errno = 0;
    cr_expect_not_null(weir_arena_alloc(arena, 100000));
    cr_expect_eq(errno, 0);
    weir_arena_free(arena);
}

Test(arena, zeroed_and_copies)
{
    weir_arena *arena = weir_arena_new(NULL);
    for (int round = 0; round < 2; round++) {
        memset(weir_arena_alloc(arena, 3000), 0xee, 3000);
        weir_arena_reset(arena);
        cr_expect(is_zero(weir_arena_alloc_zeroed(arena, 3000), 3000));
    }
    char *copy = weir_arena_strdup(arena, "weir");
    cr_expect_str_eq(copy, "weir");
    cr_expect_str_eq(weir_arena_strndup(arena, "weir", 2), "we");
    cr_expect_str_eq(weir_arena_strndup(arena, "weir", 20), "weir");
    cr_expect_arr_eq(weir_arena_memdup(arena, "a\0b", 4), "a\0b", 4);
    cr_expect_not_null(weir_arena_memdup(arena, NULL, 0));
    cr_expect_str_eq(weir_arena_printf(arena, "%d-%s", 42, "x"), "42-x");
    char *wide = weir_arena_printf(arena, "%05000d", 7);
    cr_expect_eq(strlen(wide), 5000);
    cr_expect_eq(wide[4999], '7');
    for (int i = 0; i < 3000; i++) { /* across the ends of blocks */
        char *text = weir_arena_printf(arena, "%d:%0*d", i, i % 40 + 1, i);
        cr_assert_eq(atoi(text), i);
        cr_assert_eq(atoi(strchr(text, ':') + 1), i);
    }
    cr_expect_str_eq(copy, "weir");
    weir_arena_free(arena);
}

Test(arena, resize)
{
    weir_arena *arena = weir_arena_new(NULL);
    char *p = weir_arena_alloc(arena, 100);
    pattern_fill(p, 100, 1);
    cr_expect_eq(weir_arena_resize(arena, p, 100, 1000), p, "the last grows in place");
    cr_expect_eq(weir_arena_resize(arena, p, 1000, 100), p);
    char *q = weir_arena_alloc(arena, 16);
    cr_expect_leq((size_t)(q - p), 112 + 2 * WATCH_GAP, "and gives back what it shrinks by");
    char *r = weir_arena_resize(arena, p, 100, 300);
    cr_expect_neq(r, p, "another moves");
    cr_expect(pattern_intact(r, 100, 100, 1));
    cr_expect_eq(weir_arena_resize(arena, p, 100, 10), p, "or shrinks where it is");
    char *large = weir_arena_resize(arena, r, 300, MIB(5));
    cr_expect(pattern_intact(large, 100, 100, 1));
    cr_expect_not_null(weir_arena_resize(arena, NULL, 0, 10));
    weir_arena_free(arena);
}

/* --- blocks --- */

Test(arena, large_objects_waste_no_block)
{
    weir_arena *arena = weir_arena_new(NULL);
    char *before = weir_arena_alloc(arena, 16);
    weir_arena_alloc(arena, MIB(1) - 100);
    weir_arena_alloc(arena, KIB(100) - 100);
    char *after = weir_arena_alloc(arena, 16);
    cr_expect_leq((size_t)(after - before), 16 + WATCH_GAP, "the current block goes on");
    cr_expect_leq(weir_arena_held(arena), MIB(1) + KIB(100) + BLOCK_SMALL);
    weir_arena_free(arena);
}

Test(arena, many_middling_objects_come_to_share_blocks)
{
    weir_arena *arena = weir_arena_new(NULL);
    for (int i = 0; i < 1000; i++)
        weir_arena_alloc(arena, 5000);
    cr_expect_lt(blocks_of(arena), 30);
    cr_expect_lt(weir_arena_held(arena), (size_t)5000 * 1000 * 3 / 2);
    weir_arena_free(arena);
}

Test(arena, reset_keeps_and_release_gives_back)
{
    weir_arena *arena = weir_arena_new(NULL);
    for (int i = 0; i < 1000; i++)
        weir_arena_alloc(arena, 1000);
    size_t held = weir_arena_held(arena);
    for (int round = 0; round < 20; round++) {
        weir_arena_reset(arena);
        for (int i = 0; i < 1000; i++)
            weir_arena_alloc(arena, 1000);
        cr_expect_eq(weir_arena_held(arena), held, "the same again fits");
    }
    weir_arena_release(arena);
    cr_expect_eq(weir_arena_held(arena), BLOCK_SMALL);
    cr_expect_not_null(weir_arena_alloc(arena, 100));
    weir_arena_free(arena);
}

Test(arena, large_blocks_are_used_again)
{
    weir_arena *arena = weir_arena_new(NULL);
    size_t held = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++)
            weir_arena_alloc(arena, i % 10 == 0 ? 50000 : 100);
        weir_arena_reset(arena);
        if (round == 5)
            held = weir_arena_held(arena);
    }
    cr_expect_eq(weir_arena_held(arena), held);
    weir_arena_free(arena);
}

Test(arena, limit)
{
    weir_arena *arena = arena_with((weir_arena_options){.limit = 100000});
    size_t got = 0;
    errno = 0;
    while (weir_arena_alloc(arena, 100))
        got += 112;
    cr_expect_eq(errno, ENOMEM);
    cr_expect_leq(weir_arena_held(arena), 100000);
    cr_expect(SANITIZED || got > 95000, "%zu", got);
    cr_expect_null(weir_arena_alloc(arena, 200000));
    weir_arena_reset(arena);
    cr_expect_not_null(weir_arena_alloc(arena, 100), "what it holds it may use again");
    weir_arena_free(arena);
    cr_expect_null(weir_arena_new(&(weir_arena_options){.limit = 100}));
    arena = arena_with((weir_arena_options){.limit = 1000});
    cr_expect_leq(weir_arena_held(arena), 1000);
    cr_expect_null(weir_arena_alloc(arena, 1000));
    weir_arena_free(arena);
}

Test(arena, hard_limit_refuses_in_an_orderly_way)
{
    weir_arena *arena = weir_arena_new(NULL);
    control_set_hard_limit((int64_t)MIB(40));
    size_t got = 0;
    while (weir_arena_alloc(arena, 1000))
        got += 1000;
    cr_expect_eq(errno, ENOMEM);
    cr_expect(SANITIZED || got > MIB(30), "%zu", got);
    weir_arena_free(arena);
    cr_expect_not_null(arena = weir_arena_new(NULL));
    weir_arena_free(arena);
}

Test(arena, a_first_block_of_the_caller)
{
    char room[2000];
    errno = 0;
    cr_expect_null(weir_arena_new(&(weir_arena_options){.first_block = room, .first_block_size = 100}));
    cr_expect_eq(errno, EINVAL);
    weir_arena *arena = arena_with((weir_arena_options){.first_block = room + 1, .first_block_size = 1990});
    char *p = weir_arena_alloc(arena, 100);
    cr_expect(p > room && p + 100 <= room + sizeof room);
    cr_expect_eq(weir_arena_held(arena), 0);
    for (int i = 0; i < 100; i++)
        memset(weir_arena_alloc(arena, 100), i, 100);
    cr_expect_gt(weir_arena_held(arena), 0);
    weir_arena_release(arena);
    cr_expect_eq(weir_arena_held(arena), 0);
    weir_arena_free(arena);
    memset(room, 1, sizeof room);
}

/* --- the account, and the list of live arenas --- */

static uint64_t arena_bytes(void)
{
    weir_mem_stats stats;
    stats_read(&stats);
    cr_expect_leq(stats.arena_bytes, stats.heap_alloc);
    return stats.arena_bytes;
}

static void *free_in_thread(void *arena)
{
    weir_arena_free(arena);
    return NULL;
}

Test(arena, bytes_are_in_the_account)
{
    cr_expect_eq(arena_bytes(), 0);
    weir_arena *arena = weir_arena_new(NULL);
    cr_expect_eq(arena_bytes(), BLOCK_SMALL);
    for (int i = 0; i < 100000; i++)
        weir_arena_alloc(arena, 300);
    cr_expect_gt(arena_bytes(), 30000000);
    cr_expect_eq(arena_bytes(), weir_arena_held(arena));
    pthread_t thread;
    pthread_create(&thread, NULL, free_in_thread, arena);
    pthread_join(thread, NULL);
    cr_expect_eq(arena_bytes(), 0);
}

Test(arena, the_kernel_agrees_with_huge_blocks, .disabled = SANITIZED)
{
    weir_mem_stats stats;
    weir_arena *arena = weir_arena_new(NULL);
    for (int i = 0; i < 1600000; i++)
        memset(weir_arena_alloc(arena, 96), 1, 96);
    for (int round = 0; round < 2; round++) {
        stats_read(&stats);
        /* The region: the heap and the table of spans, not what weir has outside of it. */
        double said = (double)(stats.heap_sys - stats.heap_released + stats.mspan_sys);
        double is = (double)resident_region();
        cr_expect(said / is > 0.98 && said / is < 1.02, "account %.2f, kernel %.2f", said, is);
        weir_arena_free(round == 0 ? arena : NULL);
        for (int i = 0; round == 0 && i < 3000; i++) /* small ones where huge pages were */
            memset(heap_malloc(5000), 1, 5000);
    }
}

static size_t seen;

static uintptr_t sought;

static void look(uintptr_t from, uintptr_t to)
{
    seen += sought >= from && sought < to;
}

static size_t times_seen(void *object)
{
    seen = 0;
    sought = (uintptr_t)object;
    live_lock();
    arena_each_block(look);
    live_unlock();
    return seen;
}

Test(arena, every_object_of_a_scanned_arena_is_found_once)
{
    const weir_arena_options scanned = {.scan = true};
    weir_arena *arena = weir_arena_new(NULL), *from = weir_arena_new(&scanned);
    char *small = weir_arena_alloc(arena, 10), *large = weir_arena_alloc(arena, 100000);
    char *other = weir_arena_alloc(from, 10), *other_large = weir_arena_alloc(from, 50000);
    cr_expect_eq(times_seen(other), 1);
    cr_expect_eq(times_seen(small), 0, "nothing looks into other arenas");
    weir_arena_adopt(arena, from);
    cr_expect_eq(times_seen(small), 1, "until they adopt a scanned one");
    cr_expect_eq(times_seen(large), 1);
    cr_expect_eq(times_seen(other), 1);
    cr_expect_eq(times_seen(other_large), 1);
    weir_arena_reset(arena);
    cr_expect_eq(times_seen(large), 0, "a spare block has no objects");
    weir_arena_free(arena);
    cr_expect_eq(times_seen(small), 0);
}

Test(arena, a_forked_child_goes_on)
{
    weir_arena *arena = weir_arena_new(NULL);
    char *text = weir_arena_strdup(arena, "before");
    pid_t child = fork();
    if (child == 0) {
        weir_arena *another = weir_arena_new(&(weir_arena_options){.check = true});
        for (int i = 0; i < 10000; i++)
            CHECK(weir_arena_alloc(arena, 100) && weir_arena_alloc(another, 100));
        CHECK(strcmp(text, "before") == 0);
        weir_arena_free(arena);
        weir_arena_free(another);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_expect_eq(status, 0);
    weir_arena_free(arena);
}
