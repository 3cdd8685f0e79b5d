/* The hardened heap does what a heap has to do. What it reports is tested by tests/misuse. */
#include <criterion/criterion.h>
#include <stdatomic.h>

#include "runtime/heap/control.h"
#include "runtime/heap/block.h"
#include "tests/unit/support.h"

/* Before the first call into the heap, which reads the environment. */
static void harden(void)
{
    setenv("WEIR_DEBUG", "harden=1", 1);
}

Test(harden, blocks_of_every_size_and_alignment)
{
    harden();
    const size_t sizes[] = {0, 1, 15, 16, 100, 1000, 4000, 4095, 4096, 5000, 40000, KIB(64), MIB(1), MIB(3)};
    for (size_t alignment = 1; alignment <= MIB(8); alignment *= 2)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            char *p = heap_aligned(alignment, sizes[i]);
            cr_assert(p && (uintptr_t)p % alignment == 0);
            cr_assert_eq(heap_usable_size(p), sizes[i]);
            cr_assert(is_zero(p, sizes[i]));
            memset(p, 1, sizes[i]);
            heap_free_sized(p, sizes[i]);
        }
    verify_own();
}

Test(harden, realloc_moves_and_keeps)
{
    harden();
    size_t size = 1;
    char *p = heap_malloc(size);
    pattern_fill(p, size, 7);
    for (size_t next = 3; next < MIB(6); size = next, next += next + 1) {
        char *q = heap_realloc(p, next);
        cr_assert(q && q != p && pattern_intact(q, size, size, 7), "%zu", next);
        pattern_fill(q, next, 7);
        p = q;
    }
    heap_free(p);
}

/* Each move copies all of the block. */
Test(harden, a_block_that_grows_by_small_steps_moves_seldom_and_stays_guarded)
{
    harden();
    enum { STEP = 1000, STEPS = 4000, MOVES_MAX = 120 };
    char *p = heap_malloc(STEP);
    int moves = 0;
    for (size_t size = STEP; size < STEP * STEPS; size += STEP) {
        memset(p + size - STEP, 'x', STEP);
        char *q = heap_realloc(p, size + STEP);
        cr_assert_not_null(q);
        moves += q != p;
        p = q;
        cr_assert_eq(heap_usable_size(p), size + STEP);
        cr_assert_eq(p[size - 1], 'x');
        block_t block = block_at(p);
        cr_assert_null(block_check(&block).what);
        p[size + STEP]++;
        cr_assert_not_null(block_check(&block).what, "%zu", size + STEP);
        cr_assert_null(block_check(&block).what, "made good");
    }
    cr_expect_leq(moves, MOVES_MAX);
    for (size_t size = STEP * STEPS; size > 2 * OS_PAGE; size -= size / 5) {
        p = heap_realloc(p, size);
        block_t block = block_at(p);
        cr_assert_null(block_check(&block).what);
        cr_assert_eq(p[size - 1 - STEP], 'x');
    }
    heap_free(p);
}

Test(harden, growing_to_what_is_usable_does_not_move)
{
    harden();
    for (size_t size = 1; size < MIB(6); size = size * 3 + 1) {
        char *p = heap_malloc(size);
        cr_assert_eq(heap_realloc(p, heap_usable_size(p)), p);
        heap_free(p);
    }
}

Test(harden, no_address_comes_back_soon)
{
    harden();
    for (size_t size = 16; size <= MIB(1); size *= 16) {
        char *p = heap_malloc(size);
        heap_free(p);
        for (int i = 0; i < 100; i++) {
            char *q = heap_malloc(size);
            cr_assert_neq(p, q);
            heap_free(q);
        }
    }
}

Test(harden, what_waits_in_quarantine_is_bounded)
{
    harden();
    for (size_t i = 0; i < 20000; i++)
        heap_free(memset(heap_malloc(1000 + i % 5000), 1, 1000));
    cr_expect_leq(resident_region(), MIB(32));
    verify_own();
}

Test(harden, what_waits_in_quarantine_is_given_up_for_the_hard_limit)
{
    harden();
    control_set_hard_limit(MIB(24));
    for (size_t i = 0; i < 1000; i++) {
        char *p = heap_malloc(MIB(1));
        cr_assert_not_null(p, "%zu", i);
        heap_free(p);
    }
}

static _Atomic(uint64_t *) boxes[256];

static void exchange(size_t number)
{
    uint64_t random = number;
    for (int i = 0; i < 20000; i++) {
        uint64_t *block = heap_malloc(16 + random_below(&random, 600));
        block[0] = block[1] = (uintptr_t)block;
        block = atomic_exchange(&boxes[random_below(&random, COUNT(boxes))], block);
        CHECK(!block || (block[0] == (uintptr_t)block && block[1] == block[0]));
        heap_free(block);
    }
    verify_own();
}

Test(harden, threads_free_what_others_allocated)
{
    harden();
    threads_run(8, exchange);
    for (size_t i = 0; i < COUNT(boxes); i++)
        heap_free(boxes[i]);
    verify_own();
}
