/* The hardened heap does what a heap has to do. What it reports is tested by tests/misuse. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "runtime/harden/block.h"
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

/* Inaccessible memory does not count against RLIMIT_DATA, so other blocks may take up the room meanwhile. */
Test(harden, what_was_freed_can_be_had_again_where_data_is_limited)
{
    harden();
    data_can_be_had_again();
}

Test(harden, realloc_moves_and_keeps)
{
    harden();
    realloc_moves_and_keeps(MIB(6));
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

/* --- what it takes, and gives back --- */

enum { TOTAL = SANITIZED ? MIB(8) : MIB(64), SMALLEST = 100 };

static char *held[TOTAL / SMALLEST];

static size_t fill_memory(size_t size)
{
    size_t count = TOTAL / size;
    for (size_t i = 0; i < count; i++) {
        held[i] = heap_malloc(size);
        CHECK(held[i] != NULL);
        memset(held[i], 1, size);
    }
    return count;
}

/* One block in `of` stays; none if that is 0. */
static void free_memory(size_t count, size_t of)
{
    for (size_t i = 0; i < count; i++)
        if (of == 0 || i % of) {
            heap_free(held[i]);
            held[i] = NULL;
        }
}

Test(harden, a_trim_empties_the_quarantine)
{
    harden();
    free_memory(fill_memory(1000), 0);
    trim_all(0);
    cr_expect_leq(resident_region(), MIB(1));
    verify_own();
}

Test(harden, a_trim_gives_back_pages_inside_spans)
{
    harden();
    const size_t sizes[] = {SMALLEST, 700, 1000, 3000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t of = MIB(1) / 16 / sizes[i], count = fill_memory(sizes[i]);
        free_memory(count, of);
        trim_all(0);
        cr_expect_leq(resident_region(), TOTAL / 8 + MIB(2), "%zu: %zu", sizes[i], resident_region());
        for (size_t k = 0; k < count; k += of)
            CHECK(held[k][0] == 1 && memcmp(held[k], held[k] + 1, sizes[i] - 1) == 0);
        verify_own();
        for (size_t k = 0; k < count; k += of)
            heap_free(held[k]);
        size_t again = fill_memory(sizes[i]);
        free_memory(again, 0);
    }
}

/* A record is 8 bytes; an array of them is rounded up by up to a quarter, and has a head. */
Test(harden, records_take_what_the_blocks_are_worth_whatever_the_sizes_are)
{
    harden();
    const size_t sizes[] = {3000, SMALLEST, 1000, 300, 3000, SMALLEST, 1000, 300};
    size_t before = PAGE_STAT(metadata), most = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t count = fill_memory(sizes[i]);
        free_memory(count, 0);
        trim_all(0);
        most = count > most ? count : most;
        size_t records = PAGE_STAT(metadata) - before;
        cr_expect_leq(records, most * 8 * 3 / 2 + MIB(1), "%zu: %zu", sizes[i], records);
    }
    cr_expect_leq(PAGE_STAT(metadata) - before, 2 * TOTAL / SMALLEST * 8 + MIB(1));
}

static _Atomic int sleeper_is_ready;
static int wake[2];

static void *allocates_and_sleeps(void *count)
{
    char byte;
    *(size_t *)count = fill_memory(1000);
    sleeper_is_ready = 1;
    CHECK(read(wake[0], &byte, 1) == 1);
    return NULL;
}

Test(harden, what_others_free_of_a_sleeping_thread_is_had, .disabled = SANITIZED)
{
    harden();
    size_t count = 0;
    pthread_t thread;
    CHECK(pipe(wake) == 0 && pthread_create(&thread, NULL, allocates_and_sleeps, &count) == 0);
    while (!sleeper_is_ready)
        usleep(1000);
    free_memory(count, 0);
    for (; resident_region() > MIB(2); trim_all(0)) /* until it sleeps, however long that takes */
        usleep(1000);
    control_set_hard_limit(TOTAL + TOTAL / 2);
    fill_memory(1000);
    CHECK(write(wake[1], "", 1) == 1);
    pthread_join(thread, NULL);
}

/* The kernel does not take back locked pages. Sanitizers make mlock do nothing. */
Test(harden, locked_blocks_in_quarantine_count_as_what_they_are, .disabled = SANITIZED)
{
    harden();
    for (int i = 0; i < 1000; i++) {
        char *p = heap_malloc(50000);
        if (mlock(p, 50000) != 0)
            cr_skip_test("RLIMIT_MEMLOCK");
        heap_free(p);
    }
    cr_expect_leq(resident_region(), MIB(10));
    char *large = heap_malloc(MIB(30));
    if (mlock(large, MIB(30)) != 0)
        cr_skip_test("RLIMIT_MEMLOCK");
    heap_free(large);
    cr_expect_eq(heap_malloc(MIB(30)), large, "the next block may have the same memory");
}

Test(harden, what_a_slot_had_before_is_forgotten_with_its_size)
{
    harden();
    enum { APART = 3840 }; /* cells of 1280 and of 384 bytes both begin there */
    char *p = heap_malloc(1000);
    while (((uintptr_t)p - CANARY_MIN) % SLOT_SIZE % APART == 0) {
        char *other = heap_malloc(1000);
        heap_free(p); /* else the slot would never be free */
        p = other;
    }
    char *first = (char *)((uintptr_t)p & ~(uintptr_t)(SLOT_SIZE - 1));
    block_t block;
    heap_free(p);
    cr_expect_null(block_find(p, &block).what,
                   "a second free is found as long as the memory is not used again");
    trim_all(0);
    cr_expect_null(block_find(p, &block).what, "nor when its slot is free");
    char *q = NULL;
    for (size_t i = 0; i < 300 * 1000 && !(q >= first && q < first + SLOT_SIZE); i++)
        q = heap_malloc(300);
    cr_assert(q >= first && q < first + SLOT_SIZE, "the slot is used anew");
    cr_expect_not_null(block_find(p, &block).what, "another size has other addresses");
}
