/* find: whose is an address? What free, realloc and malloc_usable_size ask first. */
#ifndef WEIR_HEAP_FIND_H
#define WEIR_HEAP_FIND_H

#include <stdbool.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"

/* The span that p is the start of a cell of; NULL, and a line that names the call, if there is none. Racy by
 * nature when a program frees what is not its own; never reads what is not mapped. */
span_t *find_span(const void *p, const char *call);

/* Only manual memory is hardened. p lies in the region. */
static inline bool find_is_hardened(const void *p)
{
    return UNLIKELY(options.harden) && span_of_slot(region_slot(p))->kind == KIND_MANUAL;
}

#endif
