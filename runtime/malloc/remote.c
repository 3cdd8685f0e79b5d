/* remote: freeing what another thread allocated, after snmalloc. The freeing thread gathers the cells in
 * chains, one for each owner, and sends a chain by one compare-and-swap: when the chain has OUTBOX_BYTES,
 * when its place in the outbox is needed, when this thread needs another span, and when it ends. The owner
 * takes its whole inbox at a refill.
 *
 * So a thread that only frees keeps back at most OUTBOX_SIZE chains of OUTBOX_BYTES. An owner that sleeps
 * takes nothing: cells that others have sent to it can be neither used nor released until it allocates again
 * or ends, or another thread tends its heap (tend.h).
 */
#include "runtime/cells/cache.h"
#include "runtime/debug/span_check.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/span.h"
#include "runtime/os/os.h"
#include "runtime/threads/tend_queue.h"

static chain_t *outbox_place(heap_t *self, const heap_t *to)
{
    return &self->outbox[((uintptr_t)to >> 12 ^ (uintptr_t)to >> 6) % OUTBOX_SIZE];
}

void remote_tend_orphan(heap_t *heap)
{
    if (!lock_try(&heaps.lock)) /* perhaps this very thread has it: the next sender or adopter will drain */
        return;
    if (heap->status == HEAP_ORPHAN)
        heaps.orphans_changed |= remote_drain(heap);
    lock_release(&heaps.lock);
}

static void chain_send(heap_t *self, chain_t *chain)
{
    if (!chain->first)
        return;
    self->chains--;
    heap_t *to = chain->to;
    cell_t *head = atomic_load_explicit(&to->inbox, memory_order_relaxed);
    do
        chain->last->next = head;
    while (!atomic_compare_exchange_weak(&to->inbox, &head, chain->first));
    *chain = (chain_t){.to = NULL};
    tend_queue_add(to);
    if (UNLIKELY(atomic_load_explicit(&to->status, memory_order_acquire) == HEAP_ORPHAN))
        remote_tend_orphan(to);
}

void remote_free(heap_t *self, span_t *span, void *p)
{
    heap_t *to = __atomic_load_n(&span->heap, __ATOMIC_RELAXED);
    cell_t *cell = p;
    chain_t *chain = outbox_place(self, to);
    if (chain->to != to) {
        chain_send(self, chain);
        chain->to = to;
    }
    cell->next = chain->first;
    cell->tag = span;
    chain->first = cell;
    if (!chain->last) {
        chain->last = cell;
        self->chains++;
    }
    count_add(&self->counts.sent[span->cls], 1);
    chain->bytes += span->cell_size;
    if (chain->bytes >= OUTBOX_BYTES)
        chain_send(self, chain);
}

void remote_flush(heap_t *self)
{
    for (uint32_t i = 0; i < OUTBOX_SIZE; i++)
        chain_send(self, &self->outbox[i]);
}

/* A cell may have been sent here after its span had moved to another heap. Then it is sent on, at once: the
 * heap drained here may be an orphan, which has no thread that would send it later. */
bool remote_drain(heap_t *self)
{
    if (!atomic_load_explicit(&self->inbox, memory_order_relaxed))
        return false;
    cell_t *cell = atomic_exchange_explicit(&self->inbox, NULL, memory_order_acquire);
    bool sent_on = false;
    for (cell_t *next; cell; cell = next) {
        next = cell->next;
        if (next)
            __builtin_prefetch(next);
        span_t *span = span_of_unit(region_unit(cell));
        count_add(&self->counts.drained[span->cls], 1); /* before the cell goes back to its span */
        if (LIKELY(__atomic_load_n(&span->heap, __ATOMIC_RELAXED) == self)) {
            span_free_cell(span, cell);
        } else {
            remote_free(self, span, cell);
            sent_on = true;
        }
    }
    if (UNLIKELY(sent_on))
        remote_flush(self);
    return true;
}
