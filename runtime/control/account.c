/* account: see account.h. Nothing is counted on the fast paths. Per size class, over all heaps:
 *
 *     mallocs = taken - returned - cells in thread caches
 *     frees   = freed - returned + free cells in spans + cells on their way home         (sent - drained)
 *               + frees of the profile's samples, which are counted one by one
 *
 * Threads go on allocating meanwhile, so the terms are read at different moments. A sum may come out too
 * small, but never too large: terms that are added are read before terms that are subtracted, and an owner
 * that moves a cell from one term to another writes the two terms in that order, too. So a cell may be
 * missed, but is not counted twice. The true counts only grow, so a count that comes out below the last one
 * reported is replaced by that one. For threads that do nothing meanwhile the counts are exact.
 */
#include "runtime/control/account.h"

#include "runtime/cells/cache.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/malloc/zero.h"
#include "runtime/profile/sampled.h"

/* The largest counts reported so far. Under the lock of the heaps. */
static struct {
    uint64_t mallocs[CLASS_COUNT], frees[CLASS_COUNT];
} told;

/* The number of cells in the heap's list of the class. The owner may pop meanwhile, so the words read may
 * be the program's by then: each step is checked to stay in the active span, and the number of steps is
 * bounded. */
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

/* How many cells of the class the heap has handed out to the program; `returned` is not subtracted yet. If
 * the owner popped while the list was walked, it is walked again. If `taken` has changed, the list was used
 * up and refilled in between, so all of the old `taken` was handed out. After the last try only what was
 * handed out before the last refill is certain. A heap without a thread has no cache: its bins may point to
 * memory that is gone. */
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

/* A slot may be given to another span between any two of these reads; then it is left out. The caller reads
 * `end`, because ThreadSanitizer does not see the synchronizing reads of this function. */
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

/* Called before any allocs are read. Otherwise frees could exceed allocs: a block that is freed meanwhile may
 * have been allocated by a heap whose allocs were read before. */
__attribute__((no_sanitize("thread"))) static void add_large_frees(account_t *account, const heap_t *heap)
{
    account->large_frees += heap->counts.large_frees;
    account->large_free_bytes += heap->counts.large_free_bytes;
    account->arena_given += heap->counts.arena_given;
}

/* A sum below the last one was put together from terms of different moments: the last one counts. */
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
