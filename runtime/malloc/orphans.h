/* orphans: what threads that have ended leave behind: idle heaps, and spans for whoever needs one. */
#ifndef WEIR_MALLOC_ORPHANS_H
#define WEIR_MALLOC_ORPHANS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* Under the lock: a heap of which no class is active has no thread any more; its spans are for everybody. */
void orphans_leave(heap_t *heap);
/* The same for one that may be in any state that a thread leaves between two operations: it goes on with the
 * next thread. */
void orphans_leave_whole(heap_t *heap);
/* With the world stopped: the thread of the heap is gone and has not left it. Under WEIR_COLLECT it becomes
 * an orphan. */
void orphans_retire(heap_t *heap);
/* Under the lock: a heap without a thread, or NULL. */
heap_t *orphans_take_heap(void);
/* A span with free cells of the class that has no thread, now in this heap; or NULL. */
span_t *orphans_take_span(heap_t *self, uint32_t cls);
/* Give back the spans of ended threads of which no cell is in use. */
void orphans_release_empty(void);

#endif
