/* find: which span does an address belong to? free, realloc and malloc_usable_size ask that first. */
#ifndef WEIR_HEAP_FIND_H
#define WEIR_HEAP_FIND_H

#include <stdbool.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"

/* The span of which p is the start of a cell. NULL: there is none, and a line that names the call was
 * written. Never reads unmapped memory; the answer is a guess if the program frees what it does not own. */
span_t *find_span(const void *p, const char *call);

/* Only manual memory is hardened. p lies in the region. */
static inline bool find_is_hardened(const void *p)
{
    return UNLIKELY(options.harden) && span_of_slot(region_slot(p))->kind == KIND_MANUAL;
}

#endif
