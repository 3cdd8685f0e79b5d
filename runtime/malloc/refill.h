/* refill: the list of a class in a thread's cache is empty: take a cell from somewhere, and fill the list.
 * What was freed comes first, here, by other threads, in other spans; untouched memory comes last.
 */
#ifndef WEIR_MALLOC_REFILL_H
#define WEIR_MALLOC_REFILL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* size: what the program asks for. NULL: out of memory. The caller is in the heap's biased lock. */
void *refill_bin(heap_t *heap, uint32_t cls, size_t size);

#endif
