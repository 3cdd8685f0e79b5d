/* orphans: what threads that have ended leave behind.
 *
 *     heap of a thread --its end--> spans: to the orphanage       the heap itself, empty: to the idle heaps
 *                                     |                             |
 *                       thread in need of a span: takes one       new thread: takes one
 *
 * The orphanage is a heap without a thread that owns every span left behind. It receives remote frees like
 * any heap, but the sender drains its inbox. All of this is under the lock of the heaps. The cost of a call
 * does not depend on how many threads, orphans or spans there are, with two exceptions: a thread's end takes
 * time in proportion to the spans it had, and orphans_release_empty to the orphanage's partial spans.
 */
#include "runtime/cells/cache.h"
#include "runtime/debug/span_check.h"
#include "runtime/malloc/heaps.h"
#include "runtime/malloc/orphans.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/span.h"
#include "runtime/os/os.h"
#include "runtime/threads/numbers.h"
#include "runtime/threads/tend_queue.h"

static heap_t *idle;      /* under the lock: heaps without a thread, linked by next_idle */
static heap_t *orphanage; /* under the lock; made by the first thread that leaves a span; never goes */
/* False: there is no memory for it. */
static bool have_orphanage(void)
{
    if (!orphanage && (orphanage = heaps_make()) != NULL) {
        atomic_store_explicit(&orphanage->status, HEAP_ORPHAN, memory_order_release);
        atomic_fetch_add(&heaps.orphans, 1);
    }
    return orphanage != NULL;
}

static void push_idle(heap_t *heap)
{
    heap->next_idle = idle;
    idle = heap;
    atomic_store(&heap->status, HEAP_ORPHAN);
}

void orphans_leave(heap_t *heap)
{
    if (heap->spans && have_orphanage()) {
        while (heap->spans)
            span_move(heap, orphanage, span_of_slot(heap->spans));
        heaps.orphans_changed = true;
        tend_queue_add(orphanage);
    }
    push_idle(heap);
    remote_drain(
        heap); /* cells that came since the last time, whose sender did not see HEAP_ORPHAN in the status */
}

void orphans_leave_whole(heap_t *heap)
{
    push_idle(heap);
}

/* Only if the bins follow the heap. Bins in thread-local storage went with the thread. */
void orphans_retire(heap_t *heap)
{
    if (heap->bins != heaps_own_bins(heap) || heap->status != HEAP_LIVE)
        return;
    heaps_set_owner(heap, 0);
    numbers_leave(heap);
    orphans_leave_whole(heap);
}

heap_t *orphans_take_heap(void)
{
    heap_t *heap = idle;
    if (heap)
        idle = heap->next_idle;
    return heap;
}

/* Without the lock: a guess, which may be wrong while another thread changes the orphanage. */
__attribute__((no_sanitize("thread"))) static bool may_have(uint32_t cls)
{
    return atomic_load_explicit(&heaps.orphans, memory_order_acquire) != 0 &&
           (__atomic_load_n(&orphanage->partial[cls], __ATOMIC_RELAXED) ||
            atomic_load_explicit(&orphanage->inbox, memory_order_relaxed));
}

/* Waits for the lock instead of trying it: otherwise threads that come at the same time would leave the
 * orphans where they are, and each take a new span. */
span_t *orphans_take_span(heap_t *self, uint32_t cls)
{
    if (LIKELY(!may_have(cls)))
        return NULL;
    lock_acquire(&heaps.lock);
    heaps.orphans_changed |= remote_drain(orphanage);
    span_t *span = orphanage->partial[cls] ? span_of_slot(orphanage->partial[cls]) : NULL;
    if (span)
        span_move(orphanage, self, span);
    lock_release(&heaps.lock);
    return span;
}

void orphans_release_empty(void)
{
    if (atomic_load_explicit(&heaps.orphans, memory_order_acquire) == 0)
        return;
    lock_acquire(&heaps.lock);
    heaps.orphans_changed |= remote_drain(orphanage);
    if (heaps.orphans_changed)
        span_release_empty(orphanage);
    heaps.orphans_changed = false;
    lock_release(&heaps.lock);
}
