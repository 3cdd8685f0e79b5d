/* bias: the lock of a heap's slow paths, biased towards the heap's owner. A thread that tends the heap
 * (tend.h) revokes the bias meanwhile.
 *
 *     owner:   busy = 1; compiler fence; not its own?  then busy = 0 and wait     ... work ...  busy = 0
 *     tender:  revoke; fence of all threads; busy?  then as before, and leave     ... tend ...  at rest
 *
 *              owner comes to a slow path               tender, under the lock of the heaps
 *     RESTING ----------------------------> OWNER, queued -----------------------> REVOKED --> OWNER, RESTING
 *        |                                                                          ^
 *        +---------------------- tender: others have sent it cells -----------------+
 *
 * An owner that waits says so (AWAITED), and has its bias back as soon as the tender has done with the span
 * it is at.
 *
 * Biased locks: Kawachiya, Koseki, Onodera, "Lock reservation", 2002; Dice, Moir, Scherer, "Quickly
 * reacquirable locks", 2003.
 *
 * Dekker's protocol, with the owner's fence paid by the tender (os/fence.h). The fast paths do not come here:
 * the tender turns them into slow ones (heap->closed), and leaves them so if the owner sleeps. Then nothing
 * changes in the heap until its owner comes here, takes both back and puts the heap into the queue of those
 * that are worth tending (tend_queue.h). Where such a fence cannot be had no bias is ever revoked. The lock
 * nests; a thread that waits for it is in the middle of nothing, and may hold locks of layers above the heap,
 * but none from LOCK_RANK_HEAPS on. */
#ifndef WEIR_THREADS_BIAS_H
#define WEIR_THREADS_BIAS_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/os/fence.h"

enum bias_state {
    BIAS_OWNER,
    BIAS_REVOKED, /* another thread tends the heap, under the lock of the heaps */
    BIAS_AWAITED, /* revoked, and the owner waits: the tender leaves what it has not begun */
    BIAS_RESTING  /* nothing was done here since it was tended; the owner takes it back */
};

/* By the thread that has revoked the bias: the owner's fast paths are slow ones, until it takes them back. */
void bias_close_fast_paths(heap_t *heap);
void bias_open_fast_paths(heap_t *heap);
/* Wait until the bias is the owner's, and be busy. */
void bias_wait(heap_t *self);

/* The calling thread's own heap. */
static inline void bias_enter(heap_t *self)
{
    uint32_t depth = atomic_load_explicit(&self->busy, memory_order_relaxed);
    atomic_store_explicit(&self->busy, depth + 1, memory_order_relaxed);
    fence_hot();
    if (UNLIKELY(atomic_load_explicit(&self->bias, memory_order_acquire) != BIAS_OWNER) && depth == 0)
        bias_wait(self);
}

static inline void bias_leave(heap_t *self)
{
    uint32_t depth = atomic_load_explicit(&self->busy, memory_order_relaxed);
    atomic_store_explicit(&self->busy, depth - 1, memory_order_release);
}

#endif
