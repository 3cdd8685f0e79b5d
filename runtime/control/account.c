/* account: see account.h. Nothing is counted on the fast paths. Per size class, over all heaps:
 *
 *     mallocs = taken - returned - cells in thread caches
 *     frees   = freed - returned + free cells in spans + cells on their way home         (sent - drained)
 *               + frees of the profile's samples, which are counted one by one
 *
 * Threads go on while this is read, so that the terms are of different moments. Each is only ever read so
 * that the sum comes out too small, never too large: what adds is read before what takes away, and a cell
 * that moves from one term to another is written in that order, too: it may be missed, and is not counted
 * twice. Since the true counts only grow, so do these, as the largest that was ever told is told again. Of
 * threads that do nothing meanwhile they are exact.
 */
#include "runtime/control/account.h"

#include "runtime/cells/cache.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/malloc/zero.h"
#include "runtime/profile/sampled.h"

/* The largest counts that were told. Under the lock of the heaps. */
static struct {
    uint64_t mallocs[CLASS_COUNT], frees[CLASS_COUNT];
} told;

/* Cells in the list of the class. Its owner may pop meanwhile: every step is checked to stay in the active
 * span, and their number is bounded. The words read may be the program's by then. */
__attribute__((no_sanitize("thread", "address"))) static uint32_t walk(const heap_t *heap, uint32_t cls,
                                                                       const cell_t *cell)
{
    const span_t *span = __atomic_load_n(&heap->active[cls], __ATOMIC_RELAXED);
    uint32_t count = 0;
    while (span && cell && region_owns(cell) && span_of_slot(region_slot(cell)) == span &&
           count < span->cells) {
        count++;
        cell = __atomic_load_n(&cell->next, __ATOMIC_RELAXED);
    }
    return count;
}

/* What the program has had of the class, not less `returned`. If the list changed while it was walked, what
 * was handed out before it was filled is certain; when `taken` has changed, it was used up in between. A heap
 * without a thread has no
 * cache: what its bins point to may be gone. */
__attribute__((no_sanitize("thread"))) static uint64_t handed_out(const heap_t *heap, uint32_t cls)
{
    enum { TRIES = 3 };
    uint64_t taken = __atomic_load_n(&heap->counts.taken[cls], __ATOMIC_ACQUIRE);
    if (heap->status != HEAP_LIVE)
        return taken;
    for (int i = 0; i < TRIES; i++) {
        const cell_t *first = __atomic_load_n(&heap->bins[cls], __ATOMIC_ACQUIRE);
        uint32_t cached = walk(heap, cls, first);
        atomic_thread_fence(memory_order_acquire);
        bool popped = __atomic_load_n(&heap->bins[cls], __ATOMIC_ACQUIRE) != first;
        if (__atomic_load_n(&heap->counts.taken[cls], __ATOMIC_ACQUIRE) != taken)
            return taken;
        if (!popped)
            return taken - cached;
    }
    return taken - __atomic_load_n(&heap->filled[cls], __ATOMIC_RELAXED);
}

static void add_frees(account_t *account, const heap_t *heap)
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        account->frees[cls] += __atomic_load_n(&heap->counts.freed[cls], __ATOMIC_ACQUIRE) +
                               __atomic_load_n(&heap->counts.sent[cls], __ATOMIC_ACQUIRE);
}

/* The slot may become another span between any two of these; then it is left out. `end` is read by the
 * caller, for ThreadSanitizer to see what that reading orders. */
__attribute__((no_sanitize("thread"))) static void add_free_cells(account_t *account, uint32_t end)
{
    for (uint32_t slot = ZERO_ZONE / SLOT_SIZE; slot < end; slot++) {
        const span_t *span = span_of_slot(slot);
        uint8_t cls = __atomic_load_n(&span->cls, __ATOMIC_ACQUIRE);
        enum span_state state = (enum span_state)__atomic_load_n(&span->state, __ATOMIC_ACQUIRE);
        if (state != SPAN_ACTIVE && state != SPAN_PARTIAL && state != SPAN_FULL)
            continue;
        uint32_t initialized = __atomic_load_n(&span->initialized, __ATOMIC_ACQUIRE);
        span_t both = {.waits = __atomic_load_n(&span->waits, __ATOMIC_ACQUIRE)};
        uint32_t used = span_used(&both);
        if (__atomic_load_n(&span->cls, __ATOMIC_ACQUIRE) == cls && used < initialized)
            account->frees[cls] += initialized - used;
    }
}

static void add_heap(account_t *account, const heap_t *heap)
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        account->mallocs[cls] += handed_out(heap, cls);
        uint64_t returned = __atomic_load_n(&heap->counts.returned[cls], __ATOMIC_ACQUIRE);
        account->mallocs[cls] -= returned;
        account->frees[cls] -= returned + __atomic_load_n(&heap->counts.drained[cls], __ATOMIC_ACQUIRE);
    }
    account->heaps++;
    account->heap_bytes += sizeof *heap;
}

__attribute__((no_sanitize("thread"))) static void add_large(account_t *account, const heap_t *heap)
{
    account->large_allocs += heap->counts.large_allocs;
    account->large_alloc_bytes += heap->counts.large_alloc_bytes;
    account->arena_taken += heap->counts.arena_taken;
}

/* Before any allocs are read: a block freed meanwhile may have been allocated by a heap that was read
 * already, and frees would exceed allocs. */
__attribute__((no_sanitize("thread"))) static void add_large_frees(account_t *account, const heap_t *heap)
{
    account->large_frees += heap->counts.large_frees;
    account->large_free_bytes += heap->counts.large_free_bytes;
    account->arena_given += heap->counts.arena_given;
}

/* A sum that is short of the last one is of moments that do not fit. */
static uint64_t grown(uint64_t count, uint64_t *last)
{
    if ((int64_t)(count - *last) > 0)
        *last = count;
    return *last;
}

void account_read(account_t *account)
{
    *account = (account_t){0};
    lock_acquire(&heaps.lock);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        add_large_frees(account, heap);
        add_frees(account, heap);
    }
    sampled_count(account->frees);
    atomic_thread_fence(memory_order_acquire);
    add_free_cells(account, (uint32_t)(region.used >> SLOT_SHIFT));
    atomic_thread_fence(memory_order_acquire);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        add_heap(account, heap);
        add_large(account, heap);
    }
    collected_count(account->mallocs, account->frees);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        account->mallocs[cls] = grown(account->mallocs[cls], &told.mallocs[cls]);
        uint64_t frees = grown(account->frees[cls], &told.frees[cls]);
        account->frees[cls] = frees < account->mallocs[cls] ? frees : account->mallocs[cls];
    }
    lock_release(&heaps.lock);
    zero_count(&account->mallocs[0], &account->frees[0]);
}
