/* find: which span does an address belong to? free, realloc and malloc_usable_size ask that first. */
#ifndef WEIR_HEAP_FIND_H
#define WEIR_HEAP_FIND_H

#include <stdbool.h>

#include "runtime/heap/cache.h"
#include "runtime/os/options.h"

/* The span of which p is the start of a cell. NULL: there is none, and a line that names the call was
 * written. Never reads unmapped memory; the answer is a guess if the program frees what it does not own. */
span_t *find_span(const void *p, const char *call);

/* Only manual memory is hardened. p lies in the region. */
static inline bool find_is_hardened(const void *p)
{
    return UNLIKELY(options.harden) && span_of_slot(region_slot(p))->kind == KIND_MANUAL;
}

/* Is the cell tagged as a free one of its span? The program may have written the tag's value itself. */
static inline bool find_is_tagged(const span_t *span, const void *p)
{
    return ((const cell_t *)p)->tag == span;
}

/* Is the cell in one of the lists of free cells of its span? The caller owns the span, and is in the heap's
 * biased lock. */
bool find_is_free(heap_t *self, span_t *span, const void *p);
/* The same for a caller that is not in the biased lock. */
bool find_is_free_here(heap_t *self, span_t *span, const void *p);

#endif
