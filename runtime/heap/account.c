/* account: see account.h. Nothing is counted on the fast paths:
 *
 *     mallocs of a class = cells that went into thread caches (taken) - cells that are in them
 *     live               = sum of used over its spans - cells in thread caches - cells on their way home
 *     on their way home  = sent - drained, over all heaps
 *     frees              = mallocs - live
 */
#include "runtime/heap/account.h"

#include "runtime/heap/cache.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/zero.h"

/* Another thread may pop and push while we walk: every step is checked to stay in the active span, and their
 * number is bounded. The words read may be the program's by then. */
__attribute__((no_sanitize("thread", "address"))) static uint32_t count_cached(const heap_t *heap,
                                                                               uint32_t cls)
{
    const span_t *span = heap->active[cls];
    uint32_t count = 0;
    if (!span)
        return 0;
    const cell_t *cell = __atomic_load_n(&heap->bins[cls], __ATOMIC_RELAXED);
    while (cell && region_owns(cell) && span_of_slot(region_slot(cell)) == span && count < span->cells) {
        count++;
        cell = __atomic_load_n(&cell->next, __ATOMIC_RELAXED);
    }
    return count;
}

/* The owner counts meanwhile: each number is read whole, before or after. */
__attribute__((no_sanitize("thread"))) static void add_heap(account_t *account, const heap_t *heap,
                                                            int64_t *live)
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        /* A heap without a thread has no cache: what its bins point to may be gone. */
        uint32_t cached = heap->status == HEAP_LIVE ? count_cached(heap, cls) : 0;
        account->mallocs[cls] += heap->taken[cls] - cached;
        live[cls] -= cached;
        live[cls] -= (int64_t)(heap->sent[cls] - heap->drained[cls]);
    }
    account->large_allocs += heap->large_allocs;
    account->large_alloc_bytes += heap->large_alloc_bytes;
    account->arena_taken += heap->arena_taken;
    account->heaps++;
    account->heap_bytes += sizeof *heap;
}

__attribute__((no_sanitize("thread"))) static void add_spans(int64_t *live)
{
    uint32_t end = (uint32_t)(region.used >> SLOT_SHIFT);
    for (uint32_t slot = ZERO_ZONE / SLOT_SIZE; slot < end; slot++) {
        const span_t *span = span_of_slot(slot);
        if (span->state == SPAN_ACTIVE || span->state == SPAN_PARTIAL || span->state == SPAN_FULL ||
            span->state == SPAN_SAMPLED)
            live[span->cls] += (int64_t)(uint32_t)(span->wait + span->wait_bias);
    }
}

/* Before any allocs are read: a block freed meanwhile may have been allocated by a heap that was read already, and
 * frees would exceed allocs. */
__attribute__((no_sanitize("thread"))) static void add_large_frees(account_t *account, const heap_t *heap)
{
    account->large_frees += heap->large_frees;
    account->large_free_bytes += heap->large_free_bytes;
    account->arena_given += heap->arena_given;
}

void account_read(account_t *account)
{
    int64_t live[CLASS_COUNT] = {0};
    *account = (account_t){0};
    lock_acquire(&heaps.lock);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        add_large_frees(account, heap);
    atomic_thread_fence(memory_order_acquire);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        add_heap(account, heap, live);
    add_spans(live);
    collected_count(account->mallocs, live);
    lock_release(&heaps.lock);
    zero_count(&account->mallocs[0], &account->frees[0]);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        uint64_t alive = live[cls] > 0 ? (uint64_t)live[cls] : 0;
        account->frees[cls] = account->mallocs[cls] > alive ? account->mallocs[cls] - alive : 0;
    }
}
