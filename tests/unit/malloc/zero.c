/* zero: objects of zero bytes. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "runtime/config/options.h"
#include "runtime/malloc/zero.h"
#include "tests/unit/support.h"

enum { ADDRESSES = ZERO_ZONE / 16 };

static void expect_counts(uint64_t allocs, uint64_t frees)
{
    uint64_t have_allocs, have_frees;
    zero_count(&have_allocs, &have_frees);
    cr_expect_eq(have_allocs, allocs);
    cr_expect_eq(have_frees, frees);
}

Test(zero, every_entry_point)
{
    void *const blocks[] = {heap_malloc(0), heap_calloc(0, 8), heap_calloc(8, 0), heap_realloc(NULL, 0),
                            heap_aligned(16, 0)};
    for (size_t i = 0; i < COUNT(blocks); i++) {
        cr_assert_not_null(blocks[i]);
        cr_expect_eq((uintptr_t)blocks[i] % 16, 0);
        cr_expect(zero_owns(blocks[i]));
        cr_expect_eq(heap_usable_size(blocks[i]), 0);
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(blocks[i], blocks[j]);
    }
    for (size_t i = 0; i < COUNT(blocks); i++)
        heap_free(blocks[i]);
    expect_counts(COUNT(blocks), COUNT(blocks));
}

Test(zero, aligned_objects_of_zero_bytes_are_aligned)
{
    for (size_t alignment = 32; alignment <= MIB(8); alignment *= 2) {
        void *p = heap_aligned(alignment, 0), *q = heap_aligned(alignment, 0);
        cr_expect(p && q && p != q);
        cr_expect_eq(((uintptr_t)p | (uintptr_t)q) % alignment, 0, "%zu", alignment);
        heap_free(p);
        heap_free(q);
    }
}

Test(zero, grows_to_a_real_block)
{
    char *p = heap_realloc(heap_malloc(0), 100);
    cr_assert_not_null(p);
    cr_expect_geq(heap_usable_size(p), 100);
    memset(p, 1, 100);
    cr_expect_null(heap_realloc(p, 0), "and back to nothing, as glibc has it");
    expect_counts(1, 1);
}

Test(zero, the_lowest_free_address_first)
{
    void *first = heap_malloc(0), *second = heap_malloc(0);
    heap_free(first);
    cr_expect_eq(heap_malloc(0), first);
    heap_free(second);
    cr_expect_eq(heap_malloc(0), second);
}

Test(zero, a_small_cell_when_all_addresses_are_taken)
{
    for (size_t i = 0; i < ADDRESSES; i++)
        cr_assert(zero_owns(heap_malloc(0)), "%zu", i);
    void *p = heap_malloc(0);
    cr_assert_not_null(p);
    cr_expect_not(zero_owns(p));
    heap_free(p);
    heap_free((void *)(region_base + ZERO_ZONE / 2));
    cr_expect_eq((uintptr_t)heap_malloc(0), region_base + ZERO_ZONE / 2);
}

Test(zero, misuse_is_noticed)
{
    options.onerror = OPTIONS_ONERROR_WARN;
    char *p = heap_malloc(0);
    const struct {
        const char *what;
        char *address;
        bool frees;
    } cases[] = {{"inside", p + 8, false},
                 {"never allocated", p + 4096, false},
                 {"the end of the zone", (char *)region_base + ZERO_ZONE - 16, false},
                 {"as it should be", p, true},
                 {"twice", p, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t allocs, before, after;
        zero_count(&allocs, &before);
        heap_free(cases[i].address);
        zero_count(&allocs, &after);
        cr_expect_eq(after - before, cases[i].frees, "%s", cases[i].what);
    }
}

static void take_and_give(size_t number)
{
    enum { HELD = 100 };
    void *held[HELD] = {0};
    uint64_t random = number;
    for (int i = 0; i < 20000; i++) {
        size_t k = random_below(&random, HELD);
        heap_free(held[k]);
        held[k] = heap_malloc(0);
        CHECK(zero_owns(held[k]));
    }
    for (size_t k = 0; k < HELD; k++)
        heap_free(held[k]);
}

Test(zero, many_threads)
{
    heap_free(heap_malloc(1));
    threads_run(4, take_and_give);
    expect_counts(80000, 80000);
}

/* A lock that another thread holds at the fork must not stay locked in the child. */
static _Atomic bool ending;

static void fork_again_and_again(void)
{
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(HANG);
            heap_free(heap_malloc(0));
            heap_free(heap_malloc(1000));
            _exit(0);
        }
        int status = -1;
        waitpid(child, &status, 0);
        CHECK(status == 0, "fork %d: the child ended with %x", i, (unsigned)status);
    }
}

static void fork_or_take(size_t number)
{
    if (number == 0) {
        fork_again_and_again();
        ending = true;
    }
    while (!ending)
        heap_free(heap_malloc(0));
}

Test(zero, forked_meanwhile)
{
    heap_free(heap_malloc(0));
    threads_run(3, fork_or_take);
}
