/* gate: the slow paths of a heap, held shut while another thread tends it (tend.h).
 *
 *     owner:   busy = 1; compiler fence; shut?  then busy = 0 and wait         ... work ...  busy = 0
 *     tender:  shut = 1; fence of all threads; busy?  then shut = 0 and leave  ... tend ...  shut = 0
 *
 * An owner that waits says so (shut = 2), and is let in as soon as the tender has done with the span it is at.
 *
 * Dekker's protocol, with the owner's fence paid by the tender (os/fence.h). The fast paths do not come here:
 * the tender turns them into slow ones. Where such a fence cannot be had no gate is ever shut. The gate
 * nests; whoever waits at it is in the middle of nothing, and may hold locks of layers above the heap, but
 * none from LOCK_RANK_HEAPS on. */
#ifndef WEIR_HEAP_GATE_H
#define WEIR_HEAP_GATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/heap/cache.h"
#include "runtime/os/fence.h"

enum gate_state {
    HEAP_OPEN,
    HEAP_SHUT,
    HEAP_AWAITED /* shut, and the owner waits: the tender leaves what it has not begun */
};

/* Wait until the gate is open, and be busy. */
void gate_wait(heap_t *self);

/* The calling thread's own heap. */
static inline void gate_enter(heap_t *self)
{
    uint32_t depth = atomic_load_explicit(&self->busy, memory_order_relaxed);
    atomic_store_explicit(&self->busy, depth + 1, memory_order_relaxed);
    fence_hot();
    if (UNLIKELY(atomic_load_explicit(&self->shut, memory_order_acquire)) && depth == 0)
        gate_wait(self);
}

static inline void gate_leave(heap_t *self)
{
    uint32_t depth = atomic_load_explicit(&self->busy, memory_order_relaxed);
    atomic_store_explicit(&self->busy, depth - 1, memory_order_release);
}

#endif
