/* verify: the heap walker: every structure is checked against every other. For debug builds, tests, and
 * WEIR_DEBUG=verify=1, which runs it at every slow path of a thread on that thread's heap.
 */
#ifndef WEIR_HEAP_VERIFY_H
#define WEIR_HEAP_VERIFY_H

#include "runtime/heap/cache.h"
#include "runtime/os/options.h"

/* Aborts with a line at the first contradiction. The heap is the caller's own, or orphaned. */
void verify_heap(const heap_t *heap);

static inline void verify_at_slow_path(void)
{
    if (__builtin_expect(options.verify != 0, 0) && cache.heap) {
        verify_heap(cache.heap);
    }
}

#endif
