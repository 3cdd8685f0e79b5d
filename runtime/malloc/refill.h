/* refill: fills the empty list of a class in a thread's cache, and takes a cell for the caller. Freed cells
 * come first: those of the active span, then those that other threads have sent, then those of other spans.
 * Untouched memory comes last.
 */
#ifndef WEIR_MALLOC_REFILL_H
#define WEIR_MALLOC_REFILL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* size: what the program asks for. NULL: out of memory. The caller is in the heap's biased lock. */
void *refill_bin(heap_t *heap, uint32_t cls, size_t size);

#endif
