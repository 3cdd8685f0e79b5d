/* huge: objects over 2 MiB and those of an alignment over a slot. They come from the extent allocator
 * (extents.h), which owns the reuse of their addresses. All of this is under the pages' lock, except
 * huge_clear. */
#ifndef WEIR_PAGES_HUGE_H
#define WEIR_PAGES_HUGE_H

#include <stdbool.h>
#include <stddef.h>

/* Take an object. *size becomes its real size. `moved` bytes of it are held already, in a block from which
 * they will be moved (page_stats.huge_moving). NULL: there is none; *refused: the hard limit refused it. */
void *huge_take(size_t *size, size_t alignment, bool zeroed, size_t moved, bool *refused);
/* Zero an object that was taken with `zeroed`. Called without the lock. */
void huge_clear(void *memory, size_t size);
/* Give an object back, whose first `moved` bytes have no pages any more. */
void huge_give(void *memory, size_t size, size_t moved);
/* Grow an object in place. Returns its new size, or 0 if that cannot be done. */
size_t huge_extend(void *memory, size_t size, size_t wanted);

/* Give back what lies beyond `wanted` bytes, as far as the extent allocator's sizes allow. Returns the
 * object's new size. */
size_t huge_shrink(void *memory, size_t size, size_t wanted);

#endif
