/* huge: objects over 2 MiB and those of an alignment over a slot. They come from the extent allocator
 * (extents.h), which owns the reuse of their addresses. All of this is under the pages' lock, but
 * huge_clear. */
#ifndef WEIR_PAGES_HUGE_H
#define WEIR_PAGES_HUGE_H

#include <stdbool.h>
#include <stddef.h>

/* *size becomes what it really has. `moved` bytes of it are held already, in a block that they will be moved
 * from (page_stats.huge_moving). NULL: none; *refused: by the hard limit. */
void *huge_take(size_t *size, size_t alignment, bool zeroed, size_t moved, bool *refused);
/* Zero what was taken `zeroed`; without the lock. */
void huge_clear(void *memory, size_t size);
/* Of its front, `moved` bytes have no pages any more. */
void huge_give(void *memory, size_t size, size_t moved);
/* Grow in place; the size it has then, or 0. */
size_t huge_extend(void *memory, size_t size, size_t wanted);

/* Give up what is beyond `wanted` bytes, as far as the extent allocator's sizes allow; the size it has
 * then. */
size_t huge_shrink(void *memory, size_t size, size_t wanted);

#endif
