/* span: the life of a small span: refilling a thread's list of cells from it, taking cells back, and giving
 * the span up when it is empty. Which list a span is on: cells/cache.h.
 */
#ifndef WEIR_MALLOC_SPAN_H
#define WEIR_MALLOC_SPAN_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* The class's list is empty: take a cell from somewhere, and fill the list. size: what the program asks for.
 * NULL: out of memory. */
void *span_refill(heap_t *heap, uint32_t cls, size_t size);
/* Give a cell back to its span; the caller owns the span. */
void span_free_cell(span_t *span, void *p);
/* span->frees_until_event has reached zero. */
void span_event(span_t *span);
/* Move a span that is not active between heaps; the caller owns both. */
void span_move(heap_t *from, heap_t *to, span_t *span);
/* Put the class's list back into its span, and the span where it belongs. */
void span_deactivate(heap_t *heap, uint32_t cls);
/* Give back the spans of which no cell is in use. */
void span_release_empty(heap_t *heap);

#endif
