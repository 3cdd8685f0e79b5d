/* tend_queue: the heaps that a tending thread should look at (tend.h).
 *
 * A heap at rest (bias.h) has nothing to give back until its owner comes to a slow path, or another thread
 * sends it cells. Either of the two puts the heap into the queue. So the cost of tending depends on what
 * threads have done since the last time, and not on how many threads there are.
 *
 *     any thread --> arrived (a stack, pushed without a lock) --> waiting --> tended: at rest, in no list
 *                                                                 |
 *                       put_back: next time, after the others <-- failed
 *
 * heap->queued is 1 as long as the heap is in one of the three lists. The thread that changes it from 0 to 1
 * then puts the heap in. */
#ifndef WEIR_THREADS_TEND_QUEUE_H
#define WEIR_THREADS_TEND_QUEUE_H

#include "runtime/cells/cache.h"

void tend_queue_add_absent(heap_t *heap);

/* Put the heap into the queue, unless it is there. The thread that takes it off afterwards sees the cells
 * that were sent before this call, since both sides are sequentially consistent. */
static inline void tend_queue_add(heap_t *heap)
{
    if (UNLIKELY(!atomic_load(&heap->queued)))
        tend_queue_add_absent(heap);
}

/* --- under the lock of the heaps --- */

/* Move the heaps that have arrived to those that wait. */
void tend_queue_gather(void);
/* Take off the heap that has waited longest; NULL: none waits. */
heap_t *tend_queue_take(void);
/* The heap was taken off, and could not be tended: put it with those that failed. */
void tend_queue_fail(heap_t *heap);
/* Move the heaps that failed to those that wait. */
void tend_queue_put_back(void);

/* Make the lists anew: they may have been in the middle of a change. */
void tend_queue_after_fork_child(void);

#endif
