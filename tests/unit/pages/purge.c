/* purge: memory goes back to the kernel without the lock while others allocate: nobody's memory changes,
 * nothing is counted twice, and a fork in the middle of it leaves both processes whole. */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "runtime/control/trim.h"
#include "tests/unit/support.h"

enum { THREADS = 4, HELD = 24, STEPS = 1500 };

typedef struct piece {
    void *memory;
    size_t size; /* bytes; more than HUGE_MIN: the extent allocator's */
    uint64_t seed;
} piece_t;

static void write_pages(const piece_t *piece)
{
    for (size_t at = 0; at < piece->size; at += OS_PAGE)
        *(uint64_t *)(void *)((char *)piece->memory + at) = piece->seed + at;
}

static void check_pages(const piece_t *piece)
{
    for (size_t at = 0; at < piece->size; at += OS_PAGE)
        CHECK(*(uint64_t *)(void *)((char *)piece->memory + at) == piece->seed + at, "at %zu of %zu", at,
              piece->size);
}

static void piece_get(piece_t *piece, uint64_t *random)
{
    bool is_huge = random_below(random, 6) == 0;
    size_t size = is_huge ? MIB(2) + random_below(random, MIB(5)) : 1 + random_below(random, MIB(1));
    piece->size = (size + OS_PAGE - 1) / OS_PAGE * OS_PAGE;
    piece->seed = random_next(random);
    if (is_huge) {
        piece->memory = pages_take_huge(&piece->size, SLOT_SIZE, false);
    } else {
        uint8_t before[CHUNK_SLOTS];
        uint32_t count = (uint32_t)((piece->size + SLOT_SIZE - 1) / SLOT_SIZE);
        uint32_t slot = pages_take(count, piece->size / OS_PAGE, 1, before);
        piece->memory = slot ? region_address(slot) : NULL;
    }
    CHECK(piece->memory != NULL, "%zu bytes", piece->size);
    write_pages(piece);
}

static void piece_drop(piece_t *piece)
{
    check_pages(piece);
    if (piece->size > HUGE_MIN)
        pages_give_huge(piece->memory, piece->size);
    else
        pages_give(region_slot(piece->memory), (uint32_t)((piece->size + SLOT_SIZE - 1) / SLOT_SIZE),
                   piece->size / OS_PAGE);
    piece->memory = NULL;
}

static void *hammer(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    piece_t pieces[HELD] = {0};
    for (int i = 0; i < STEPS; i++) {
        piece_t *piece = &pieces[random_below(&random, HELD)];
        if (piece->memory)
            piece_drop(piece);
        else
            piece_get(piece, &random);
        if (random_below(&random, 200) == 0)
            pages_trim(0);
    }
    for (int i = 0; i < HELD; i++)
        if (pieces[i].memory)
            piece_drop(&pieces[i]);
    return NULL;
}

static void start(int64_t gc_percent, int64_t soft)
{
    heap_free(heap_malloc(1));
    trim_all(0);
    pages_set_gc_percent(gc_percent);
    set_limits(soft, INT64_MAX);
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void check_end(void)
{
    pages_verify();
    page_stats_t held = pages_stats();
    cr_expect_eq(held.pages_inuse, 0);
    cr_expect_eq(held.huge_inuse, 0);
    pages_trim(0);
    held = pages_stats();
    cr_expect_eq(held.touched, 0);
    cr_expect_eq(held.huge_idle, 0);
    pages_verify();
}

Test(purge, threads_at_0)
{
    start(0, INT64_MAX);
    run_threads();
    cr_expect_gt(PAGE_STAT(releases), 0);
    check_end();
}

Test(purge, threads_at_100)
{
    start(100, INT64_MAX);
    run_threads();
    check_end();
}

Test(purge, threads_at_a_limit)
{
    start(-1, (int64_t)MIB(40));
    run_threads();
    cr_expect_gt(PAGE_STAT(limit_releases), 0);
    check_end();
}

/* --- the kernel refuses --- */

Test(purge, what_the_kernel_does_not_take_stays_counted)
{
    piece_t piece = {.size = MIB(1)};
    uint8_t before[CHUNK_SLOTS];
    start(-1, INT64_MAX);
    uint32_t slot = pages_take(16, 256, 1, before);
    piece.memory = region_address(slot);
    if (SANITIZED || mlock(piece.memory, KIB(4)) != 0)
        return; /* not allowed to try, or the sanitizer lets nothing be locked */
    write_pages(&piece);
    pages_give(slot, 16, 256);
    size_t idle = PAGE_STAT(pages_idle), touched = PAGE_STAT(touched);
    cr_expect(pages_trim(0), "what lies around locked memory is given up");
    size_t gone = idle - PAGE_STAT(pages_idle);
    cr_expect_eq(PAGE_STAT(pages_idle), SLOT_PAGES, "the slot of the locked page");
    cr_expect_eq(PAGE_STAT(touched), touched - gone);
    cr_expect_not(pages_trim(0), "locked memory is not given up");
    cr_expect_eq(PAGE_STAT(pages_idle), SLOT_PAGES);
    pages_verify();
    munlock(piece.memory, KIB(4));
    for (int i = 0; i < 300 && PAGE_STAT(pages_idle); i++)
        pages_trim(0);
    cr_expect_eq(PAGE_STAT(pages_idle), 0, "it is tried again later");
}

/* --- fork --- */

/* ThreadSanitizer does not support the fork of a process with several threads. */
Test(purge, fork_in_the_middle_of_it, .disabled = WATCHED)
{
    enum { FORKS = 40 };
    start(0, INT64_MAX);
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer, (void *)(i + 7)), 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            uint64_t random = 99;
            piece_t pieces[HELD];
            pages_verify();
            for (int n = 0; n < HELD; n++)
                piece_get(&pieces[n], &random);
            for (int n = 0; n < HELD; n++)
                piece_drop(&pieces[n]);
            pages_trim(0);
            pages_verify();
            _exit(PAGE_STAT(huge_idle) == 0 ? 0 : 1);
        }
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    check_end();
}
