/* bootstrap: blocks for a signal handler that interrupts the start of the heap, when there is nothing else to
 * serve it from. They are cut from one static array, zeroed, and not used again once freed. */
#ifndef WEIR_CELLS_BOOTSTRAP_H
#define WEIR_CELLS_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>

/* alignment: a power of two. NULL: no more. Async-signal-safe. */
void *bootstrap_alloc(size_t size, size_t alignment);
bool bootstrap_owns(const void *p);
/* The size of a block for which bootstrap_owns is true. */
size_t bootstrap_size(const void *p);

#endif
