/* orphans: what threads that have ended leave behind: idle heaps, and spans for whoever needs one. */
#ifndef WEIR_MALLOC_ORPHANS_H
#define WEIR_MALLOC_ORPHANS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* Under the lock of the heaps: the heap, which has no active spans, loses its thread. Any thread may take its
 * spans. */
void orphans_leave(heap_t *heap);
/* The same for a heap that may still have active spans. They stay with it, for the next thread that takes the
 * heap. */
void orphans_leave_whole(heap_t *heap);
/* The heap's thread is gone and has not left the heap. If the heap has its own bins (heaps.h), it becomes an
 * orphan; else nothing changes. With the world stopped. */
void orphans_retire(heap_t *heap);
/* Under the lock of the heaps: a heap without a thread, or NULL. */
heap_t *orphans_take_heap(void);
/* Move an orphaned span with free cells of the class into this heap. NULL: there is none. */
span_t *orphans_take_span(heap_t *self, uint32_t cls);
/* Give back the orphaned spans of which no cell is in use. */
void orphans_release_empty(void);

#endif
