/* gate: the slow paths of a heap, held shut while another thread tends it (tend.h).
 *
 *     owner:   busy = 1; compiler fence; not open?  then busy = 0 and wait        ... work ...  busy = 0
 *     tender:  shut; fence of all threads; busy?  then as before, and leave       ... tend ...  at rest
 *
 *              owner comes to a slow path              tender, under the lock of the heaps
 *     RESTING ----------------------------> OPEN, queued ------------------------> SHUT --> OPEN or RESTING
 *        |                                                                          ^
 *        +---------------------- tender: others have sent it cells -----------------+
 *
 * An owner that waits says so (AWAITED), and is let in as soon as the tender has done with the span it is at.
 *
 * Dekker's protocol, with the owner's fence paid by the tender (os/fence.h). The fast paths do not come here:
 * the tender turns them into slow ones (heap->closed), and leaves them so if the owner sleeps. Then nothing
 * changes in the heap until its owner comes here, opens both and puts the heap into the queue of those that
 * are worth tending (tend_queue.h). Where such a fence cannot be had no gate is ever shut. The gate nests;
 * a thread that waits at it is in the middle of nothing, and may hold locks of layers above the heap, but none from
 * LOCK_RANK_HEAPS on. */
#ifndef WEIR_HEAP_GATE_H
#define WEIR_HEAP_GATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/heap/cache.h"
#include "runtime/os/fence.h"

enum gate_state {
    HEAP_OPEN,
    HEAP_SHUT,    /* another thread tends the heap, under the lock of the heaps */
    HEAP_AWAITED, /* shut, and the owner waits: the tender leaves what it has not begun */
    HEAP_RESTING  /* nothing was done here since it was tended; the owner opens it */
};

/* Wait until the gate is open, and be busy. */
void gate_wait(heap_t *self);

/* The calling thread's own heap. */
static inline void gate_enter(heap_t *self)
{
    uint32_t depth = atomic_load_explicit(&self->busy, memory_order_relaxed);
    atomic_store_explicit(&self->busy, depth + 1, memory_order_relaxed);
    fence_hot();
    if (UNLIKELY(atomic_load_explicit(&self->shut, memory_order_acquire) != HEAP_OPEN) && depth == 0)
        gate_wait(self);
}

static inline void gate_leave(heap_t *self)
{
    uint32_t depth = atomic_load_explicit(&self->busy, memory_order_relaxed);
    atomic_store_explicit(&self->busy, depth - 1, memory_order_release);
}

#endif
