/* verify: the heap walker: every structure is checked against every other. For debug builds, tests, and
 * WEIR_DEBUG=verify=1, which runs it at every slow path of a thread on that thread's heap; builds with
 * WEIR_DEBUG_CHECKS run it at every VERIFY_EVERY-th.
 */
#ifndef WEIR_DEBUG_VERIFY_H
#define WEIR_DEBUG_VERIFY_H

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"

/* Aborts with a line at the first contradiction. The heap is the caller's own, or orphaned. */
void verify_heap(const heap_t *heap);

/* Is this the slow path whose turn it is? */
static inline bool verify_is_due(void)
{
#ifdef WEIR_DEBUG_CHECKS
    enum { VERIFY_EVERY = 512 };
    static __thread uint32_t slow_paths;
    return options.verify || ++slow_paths % VERIFY_EVERY == 0;
#else
    return options.verify != 0;
#endif
}

static inline void verify_at_slow_path(void)
{
    if (__builtin_expect(verify_is_due(), 0) && cache.heap)
        verify_heap(cache.heap);
}

#endif
