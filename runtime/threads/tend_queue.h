/* tend_queue: the heaps that a tending thread should look at (tend.h).
 *
 * A heap at rest (bias.h) has nothing to be had until its owner comes to a slow path, or another thread sends
 * it cells: either puts it here. So what tending costs is paid for by what threads did since, and not by how
 * many there are.
 *
 *     any thread --> arrived (a stack, pushed without a lock) --> waiting --> tended: at rest, in no list
 *                                                                 |
 *                       put_back: next time, after the others <-- failed
 *
 * heap->queued is 1 from before a heap is in one of the three until after: the thread that changes it to 1
 * puts it there. */
#ifndef WEIR_THREADS_TEND_QUEUE_H
#define WEIR_THREADS_TEND_QUEUE_H

#include "runtime/cells/cache.h"

void tend_queue_add_absent(heap_t *heap);

/* Cells that were sent before are seen by the thread that takes the heap off afterwards: both sides are
 * sequentially consistent. */
static inline void tend_queue_add(heap_t *heap)
{
    if (UNLIKELY(!atomic_load(&heap->queued)))
        tend_queue_add_absent(heap);
}

/* --- under the lock of the heaps --- */

/* What has arrived waits. */
void tend_queue_gather(void);
/* The one that has waited longest, off the queue; NULL: none does. */
heap_t *tend_queue_take(void);
/* It was taken, and could not be tended. */
void tend_queue_fail(heap_t *heap);
/* What has failed waits again. */
void tend_queue_put_back(void);

/* The lists may be in the middle of a change: they are made anew. */
void tend_queue_after_fork_child(void);

#endif
