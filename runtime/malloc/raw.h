/* raw: the heap without hardening: what heap.c, free.c and harden.c share. */
#ifndef WEIR_MALLOC_RAW_H
#define WEIR_MALLOC_RAW_H

#include "runtime/cells/cache.h"

/* The class for a size and an alignment. A cell's address is a multiple of the largest power of two in its
 * size, so a size rounded up to the alignment finds a class with cells so aligned, at the latest the next
 * power of two. */
static inline uint32_t raw_class(size_t alignment, size_t size)
{
    uint32_t cls = class_of((size + alignment - 1) & ~(alignment - 1));
    while (class_size(cls) % alignment != 0)
        cls++;
    return cls;
}

/* size > 0 */
void *raw_malloc(heap_t *self, size_t size);
/* alignment: a power of two; size > 0 */
void *raw_aligned(heap_t *self, size_t alignment, size_t size);
/* p is the start of a cell of the span */
void raw_free(heap_t *self, span_t *span, void *p);

#endif
