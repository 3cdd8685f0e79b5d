/* upcall: what the heap calls and a higher layer defines. */
#ifndef WEIR_HEAP_HOOKS_H
#define WEIR_HEAP_HOOKS_H

#include <stddef.h>

#include "runtime/os/os.h"
#include "runtime/region/region.h"

/* runtime/gc/cycle/gc.c: what malloc gets under WEIR_COLLECT: zeroed, scanned, collected. alignment: a power
 * of two; size > 0. NULL and ENOMEM. */
void *hook_collected(size_t size, size_t alignment);

/* runtime/service/exclude.c: of what kind the block that malloc is about to get has to be, if there are rules
 * (base/rules.h). */
HIDDEN enum span_kind hook_kind(size_t size) __attribute__((weak));

/* runtime/gc/refs/death.c: an object of a span with COLLECTED_HAS_RECORD is about to be freed by hand. */
void hook_freed(const void *object);

/* runtime/service/start.c: is there if this is libweir-malloc.so. */
HIDDEN extern const char hook_swapped_in __attribute__((weak));

#endif
