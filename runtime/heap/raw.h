/* raw: the heap without the checks and the dressing of hardening; what heap.c and harden.c share. */
#ifndef WEIR_HEAP_RAW_H
#define WEIR_HEAP_RAW_H

#include "runtime/heap/cache.h"

/* size > 0 */
void *raw_malloc(heap_t *self, size_t size);
/* alignment: a power of two; size > 0 */
void *raw_aligned(heap_t *self, size_t alignment, size_t size);
/* p is the start of a cell of the span */
void raw_free(heap_t *self, span_t *span, void *p);

#endif
