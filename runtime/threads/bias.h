/* bias: the lock of a heap's slow paths, biased towards the heap's owner: the owner takes it without an
 * atomic read-modify-write. A thread that tends the heap (tend.h) revokes the bias for that time.
 *
 *     owner:   busy = 1; compiler fence; bias != OWNER?  busy = 0 and wait        ... work ...  busy = 0
 *     tender:  revoke; fence of all threads; busy?  restore the bias, and leave   ... tend ...  RESTING
 *
 *              owner comes to a slow path               tender, under the lock of the heaps
 *     RESTING ----------------------------> OWNER, queued -----------------------> REVOKED --> OWNER, RESTING
 *        |                                                                          ^
 *        +---------------------- tender: others have sent it cells -----------------+
 *
 * An owner that waits sets AWAITED. The tender then finishes the span it is at and gives the bias back.
 *
 * Biased locks: Kawachiya, Koseki, Onodera, "Lock reservation", 2002; Dice, Moir, Scherer, "Quickly
 * reacquirable locks", 2003.
 *
 * This is Dekker's protocol, except that the tender executes the owner's fence for it (os/fence.h). Where the
 * kernel refuses such a fence, no bias is ever revoked.
 *
 * The fast paths do not take the lock. The tender turns them into slow ones (heap->closed), and leaves them
 * so if the owner sleeps (RESTING). Then nothing changes in the heap until its owner comes to a slow path.
 * The owner takes the bias back, opens the fast paths, and puts the heap into the queue of heaps that are
 * worth tending (tend_queue.h).
 *
 * The lock nests. Only the outermost bias_enter waits: the thread is then in no slow path of its heap. The
 * thread may hold locks of layers above the heap, but none of rank LOCK_RANK_HEAPS or higher. */
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
    BIAS_RESTING  /* tended, and nothing was done in the heap since; the owner may take the bias back */
};

/* Called by the thread that has revoked the bias: make the owner's fast paths slow ones, and undo that.
 * bias_wait undoes it for the owner. */
void bias_close_fast_paths(heap_t *heap);
void bias_open_fast_paths(heap_t *heap);
/* Wait until the owner has the bias again. On return self->busy is 1. */
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
