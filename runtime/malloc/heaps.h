/* heaps: making a heap, and whose it is. */
#ifndef WEIR_MALLOC_HEAPS_H
#define WEIR_MALLOC_HEAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"

static inline cell_t **heaps_own_bins(heap_t *heap)
{
    return (cell_t **)(heap + 1);
}

/* Does each heap have bins of its own? Then those in thread-local storage stay empty, so that every call
 * takes the slow path. */
static inline bool heaps_use_own_bins(void)
{
    return options.harden || options.collect;
}

/* A heap without a thread yet. The caller has the lock of the heaps. NULL: out of memory. */
heap_t *heaps_make(void);
/* Make the thread with this os_thread_word the owner of the heap's spans; 0: no thread. */
void heaps_set_owner(heap_t *heap, uintptr_t word);

#endif
