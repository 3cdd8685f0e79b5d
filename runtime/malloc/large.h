/* large: objects over SMALL_MAX, or aligned more strictly than a page-sized cell can be. Up to HUGE_MIN they
 * are runs of slots in a chunk, at the front of one if they are aligned to a chunk or beyond; larger ones are
 * the page extent allocator's. The descriptor of the first slot tells: state, and the bytes that may be used,
 * a multiple of the page.
 */
#ifndef WEIR_MALLOC_LARGE_H
#define WEIR_MALLOC_LARGE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/cells/cache.h"

/* alignment: a power of two; NULL: out of memory. `zeroed`: the block has to read as zero. */
void *large_alloc(heap_t *self, size_t size, size_t alignment, bool zeroed);
/* The same; the thread may have a spare run for it (spare.h). */
void *large_malloc(heap_t *self, size_t size, size_t alignment, bool zeroed);
void large_free(heap_t *self, span_t *span);
/* The same if the kernel refuses to make its pages accessible again. */
void large_free_inaccessible(heap_t *self, span_t *span);
/* Grow or shrink; may move, as cheaply as the kernel can. NULL: out of memory, and nothing has changed. */
void *large_realloc(heap_t *self, span_t *span, size_t size);
static inline size_t large_usable(span_t *span)
{
    return *span_bytes(span);
}

/* Bytes that may be used of an object of the span, small or large. */
static inline size_t span_usable(span_t *span)
{
    return span_is_large(span) ? large_usable(span) : span->cell_size;
}

/* The slots of a large object of so many bytes. */
static inline uint32_t large_slots(size_t bytes)
{
    return (uint32_t)((bytes + SLOT_SIZE - 1) >> SLOT_SHIFT);
}

#endif
