/* numbers: finds a heap by the kernel's number of its thread. If a new thread's number is that of an older
 * heap, that heap's thread has ended without leaving it, and the kernel has given the number out again.
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

/* The heap belongs to the thread with this number from now on. Returns the heap that had the number before
 * and has lost it; NULL: none. */
heap_t *numbers_enter(heap_t *heap, int number);
/* The heap has no thread any more. */
void numbers_leave(heap_t *heap);
/* In the child of a fork: the only thread is the one that has this heap. */
void numbers_forget_others(heap_t *heap, int number);

/* For tests: how many heaps were looked at so far. */
uint64_t numbers_steps(void);

#endif
