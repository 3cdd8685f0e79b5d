/* raw: manual memory without hardening: what the entry points (heap/heap.h) and the hardened heap share. */
#ifndef WEIR_MALLOC_RAW_H
#define WEIR_MALLOC_RAW_H

#include "runtime/cells/cache.h"
#include "runtime/malloc/refill.h"
#include "runtime/malloc/span.h"
#include "runtime/threads/bias.h"

/* The class for a size and an alignment. A cell is aligned to the largest power of two that divides its size.
 * So this is the first class that is large enough and whose size is a multiple of the alignment: the next
 * power of two at the latest. */
static inline uint32_t raw_class(size_t alignment, size_t size)
{
    uint32_t cls = class_of((size + alignment - 1) & ~(alignment - 1));
    while (class_size(cls) % alignment != 0)
        cls++;
    return cls;
}

/* 0 < size <= SMALL_MAX */
ALWAYS_INLINE void *raw_malloc_cell(heap_t *self, size_t size)
{
    uint32_t cls = class_of(size);
    bias_enter(self);
    cell_t *cell = self->bins[cls];
    if (LIKELY(cell != NULL)) {
        self->bins[cls] = cell->next;
        cell->tag = NULL;
    } else {
        cell = refill_bin(self, cls, size);
    }
    bias_leave(self);
    return cell;
}

/* size > 0 */
void *raw_malloc(heap_t *self, size_t size);
/* alignment: a power of two; size > 0 */
void *raw_aligned(heap_t *self, size_t alignment, size_t size);
/* Is the cell tagged as a free one of its span? The program may have written the tag's value itself. */
static inline bool raw_is_tagged(const span_t *span, const void *p)
{
    return ((const cell_t *)p)->tag == span;
}

/* Is the cell in one of the lists of free cells of its span? The caller owns the span, and is in the heap's
 * biased lock. */
bool raw_is_free(heap_t *self, span_t *span, const void *p);
/* The same for a caller that is not in the biased lock. */
bool raw_is_free_here(heap_t *self, span_t *span, const void *p);

/* p is the start of a cell of the span, or of a large object; manual. */
void raw_free(heap_t *self, span_t *span, void *p);

#endif
