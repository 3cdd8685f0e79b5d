/* large: objects larger than SMALL_MAX, or aligned to more than that. Up to HUGE_MIN they are runs of slots
 * in a chunk, at its front if they are aligned to a chunk or more. Larger ones come from the extent
 * allocator. The descriptor of the first slot has the state and the bytes that may be used, a multiple of the
 * page.
 */
#ifndef WEIR_MALLOC_LARGE_H
#define WEIR_MALLOC_LARGE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/cells/cache.h"

/* alignment: a power of two; NULL: out of memory. `zeroed`: the block has to read as zero. */
void *large_alloc(heap_t *self, size_t size, size_t alignment, bool zeroed);
/* The same, from a spare run of the thread if one fits (spare.h). */
void *large_malloc(heap_t *self, size_t size, size_t alignment, bool zeroed);
void large_free(heap_t *self, span_t *span);
/* The same for an object whose pages are inaccessible, when the kernel refuses to change that. */
void large_free_inaccessible(heap_t *self, span_t *span);
/* Grow or shrink the object. If it moves, to a block from `alloc`, its pages are moved instead of copied
 * where that is cheaper. NULL: out of memory, and nothing has changed. */
void *large_realloc(heap_t *self, span_t *span, size_t size, void *(*alloc)(size_t size));
/* Shrink the object in place, to more than SMALL_MAX. False: nothing has changed. */
bool large_shrink(heap_t *self, span_t *span, size_t size);

/* Is an object like this to grow by moving its pages? Only under a limit: large_grow_by_moving. */
bool large_grows_by_moving(const heap_t *self, span_t *span, size_t size);
/* Make what the caller needs for the new block, before the pages are moved. False: no memory. */
typedef bool large_prepare(span_t *target);
/* Grow the object under a limit by moving its pages to a new block: so they count once, as they are resident
 * once. NULL: nothing has changed; *moves tells why: false if objects like this are not moved, true if there
 * is no memory. `prepare` may be NULL. */
void *large_grow_by_moving(heap_t *self, span_t *span, size_t size, large_prepare *prepare, bool *moves);
#endif
