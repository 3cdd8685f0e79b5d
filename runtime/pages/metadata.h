/* metadata: memory for the runtime's own structures. Under the pages' lock. */
#ifndef WEIR_PAGES_METADATA_H
#define WEIR_PAGES_METADATA_H

#include <stddef.h>

/* Zeroed, aligned to a cache line, never given back. NULL: the kernel refuses. */
void *metadata_take(size_t size);

#endif
