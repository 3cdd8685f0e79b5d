/* remote: cells that other threads than their owner free. */
#include <criterion/criterion.h>
#include <stdatomic.h>

#include "runtime/control/account.h"
#include "runtime/control/trim.h"
#include "runtime/malloc/orphans.h"
#include "runtime/malloc/remote.h"
#include "tests/unit/support.h"

enum { CELLS = 20000 };
static void *cells[CELLS];
static heap_t *main_heap;

static size_t size_at(size_t i)
{
    return 1 + i * 37 % 3000;
}

static void take_all(size_t number)
{
    (void)number;
    for (size_t i = 0; i < CELLS; i++) {
        CHECK((cells[i] = heap_malloc(size_at(i))) != NULL);
        pattern_fill(cells[i], size_at(i), i);
    }
}

static void free_all(size_t number)
{
    (void)number;
    for (size_t i = 0; i < CELLS; i++) {
        CHECK(pattern_intact(cells[i], size_at(i), size_at(i), i));
        heap_free(cells[i]);
    }
}

static void come_and_go(size_t number)
{
    (void)number;
    heap_free(heap_malloc(100));
}

static void start(void)
{
    heap_free(heap_malloc(1));
    main_heap = cache.heap;
}

static uint64_t live_objects(void)
{
    account_t account;
    account_read(&account);
    uint64_t live = account.large_allocs - account.large_frees;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        live += account.mallocs[cls] - account.frees[cls];
    return live;
}

Test(remote, what_others_freed_comes_back)
{
    start();
    take_all(0);
    cr_expect_eq(live_objects(), CELLS);
    threads_run(1, free_all);
    cr_expect_eq(live_objects(), 0);
    verify_own();
    trim_all(0);
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
}

Test(remote, what_an_exited_thread_left_can_be_freed)
{
    start();
    threads_run(1, take_all);
    cr_expect_eq(atomic_load(&heaps.orphans), 1);
    cr_expect_eq(live_objects(), CELLS);
    free_all(0);
    cr_expect_eq(live_objects(), 0);
    trim_all(0);
    threads_run(1, come_and_go); /* takes the orphan over, and leaves it empty */
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
}

static void free_sixteen(size_t number)
{
    (void)number;
    for (size_t i = 0; i < OUTBOX_BYTES / KIB(1); i++) {
        CHECK(atomic_load(&main_heap->inbox) == NULL, "sent too early, after %zu", i);
        heap_free(cells[i]);
    }
    CHECK(atomic_load(&main_heap->inbox) != NULL, "the chain is long enough");
}

Test(remote, chains_are_sent_when_they_are_long)
{
    start();
    for (size_t i = 0; i < OUTBOX_BYTES / KIB(1); i++)
        cells[i] = heap_malloc(KIB(1));
    threads_run(1, free_sixteen);
    cr_expect(remote_drain(cache.heap));
    cr_expect_not(remote_drain(cache.heap));
    verify_own();
}

static void take_and_free_every_other(size_t number)
{
    take_all(number);
    for (size_t i = 0; i < CELLS; i += 2)
        heap_free(cells[i]);
}

Test(remote, spans_of_exited_threads_are_adopted)
{
    start();
    threads_run(1, take_and_free_every_other);
    size_t slots = PAGE_STAT(slots_inuse);
    for (size_t i = 0; i < CELLS; i += 2) {
        cells[i] = heap_malloc(size_at(i));
        pattern_fill(cells[i], size_at(i), i);
    }
    cr_expect_leq(PAGE_STAT(slots_inuse), slots + slots / 8,
                  "the same slots again, but for wakes not reached");
    verify_own();
    free_all(0);
    trim_all(0);
    threads_run(1, come_and_go);
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
}

/* A cell arrives at a heap after its span has moved to another one. */
Test(remote, sent_on_after_the_span_has_moved)
{
    start();
    threads_run(1, take_and_free_every_other);
    span_t *span = span_of_slot(region_slot(cells[1]));
    heap_t *orphan = span->heap;
    cr_assert_neq(orphan, cache.heap);
    while (span->heap == orphan)
        cr_assert_not_null(heap_malloc(span->cell_size));
    cr_assert_eq(span->heap, cache.heap, "adopted");
    uint32_t used = span_used(span);
    cell_t *late = cells[1];
    *late = (cell_t){.next = NULL, .tag = span};
    cache.heap->counts.sent[span->cls]++;
    atomic_store(&orphan->inbox, late);
    remote_tend_orphan(orphan);
    remote_drain(cache.heap);
    cr_expect_eq(span_used(span), used - 1, "the cell has come home");
    verify_own();
}

/* --- a ring of threads, each freeing what its neighbour allocated --- */

enum { RING = 4, BOX = 64, ROUNDS = SANITIZED ? 20000 : 100000 };
static _Atomic(void *) boxes[RING][BOX];

static void pass_on(size_t number)
{
    uint64_t random = number;
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = 1 + random_below(&random, random_below(&random, 100) ? 2000 : 200000);
        size_t *block = heap_malloc(size + sizeof size);
        CHECK(block != NULL);
        *block = size;
        ((char *)(block + 1))[size - 1] = (char)size;
        size_t *old = atomic_exchange(&boxes[(number + 1) % RING][random_below(&random, BOX)], block);
        CHECK(!old || ((char *)(old + 1))[*old - 1] == (char)*old);
        heap_free(old);
        heap_free(atomic_exchange(&boxes[number][random_below(&random, BOX)], NULL));
        if (i % 1024 == 0)
            verify_own();
    }
}

Test(remote, a_ring_of_threads)
{
    start();
    threads_run(RING, pass_on);
    for (size_t i = 0; i < RING * BOX; i++)
        heap_free(boxes[i / BOX][i % BOX]);
    cr_expect_eq(live_objects(), 0);
    trim_all(0);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        verify_heap(heap);
    cr_expect_leq(PAGE_STAT(slots_inuse), RING * CLASS_COUNT);
}
