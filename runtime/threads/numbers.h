/* numbers: which heap belongs to the thread of a number, so that of two heaps with the same number the older
 * one is found: its thread ended without leaving it, and the kernel has given the number to another one.
 *
 *     buckets[number % count] --> heap --number_next--> heap --> 0
 *
 * A heap is in one bucket, by the number that it was entered with.
 *
 * A hash table with chains, doubled when there are more heaps than buckets: constant time for each thread.
 * Everything under the lock of the heaps.
 */
#ifndef WEIR_THREADS_NUMBERS_H
#define WEIR_THREADS_NUMBERS_H

#include "runtime/cells/cache.h"

/* The heap is the thread's from here on; the one that had the number before, which has it no longer, or
 * NULL. */
heap_t *numbers_enter(heap_t *heap, int number);
/* The heap has no thread any more. */
void numbers_leave(heap_t *heap);
/* In the child of a fork: there is one thread, the heap's. */
void numbers_forget_others(heap_t *heap, int number);

/* For tests: how many heaps were looked at so far. */
uint64_t numbers_steps(void);

#endif
