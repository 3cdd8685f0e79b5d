/* calls: the fast paths for operators new and delete, and for frees that say a size. They use those of malloc
 * and free (fast.h). A call that cannot take them, or that frees with a size larger than the cell, goes to a
 * slow path that is told which call it was.
 *
 * The conditions here repeat the first tests of those fast paths; the compiler tests once.
 */
#ifndef WEIR_HEAP_CALLS_H
#define WEIR_HEAP_CALLS_H

#include "runtime/cells/cache.h"
#include "runtime/cells/heap_call.h"
#include "runtime/malloc/fast.h"

void *heap_malloc_slow_as(size_t size, enum heap_call call);
/* size: HEAP_SIZE_UNKNOWN if the caller does not say. */
void heap_free_slow_as(void *p, enum heap_call call, size_t size);

static inline void *heap_malloc_as(size_t size, enum heap_call call)
{
    if (LIKELY(size <= MEDIUM_MAX && cache.bins[cache.class_of[class_granule(size)]] != NULL))
        return heap_malloc_fast(size);
    return heap_malloc_slow_as(size, call);
}

/* The span of p if p may be freed on the fast path, else NULL; always NULL when the heap is hardened. */
static inline const span_t *heap_own_span(const void *p)
{
    size_t unit = region_unit(p);
    if (UNLIKELY(!region_has_unit(unit)))
        return NULL;
    const span_t *span = span_of_unit(unit);
    return LIKELY(span_owner(span) == os_thread_word()) ? span : NULL;
}

static inline void heap_free_as(void *p, enum heap_call call)
{
    if (LIKELY(heap_own_span(p) != NULL))
        heap_free_fast(p);
    else
        heap_free_slow_as(p, call, HEAP_SIZE_UNKNOWN);
}

/* A smaller size than the block's is no sign of a mistake that matters: C++ deletes objects as their
 * bases. */
static inline void heap_free_sized_as(void *p, size_t size, enum heap_call call)
{
    const span_t *span = heap_own_span(p);
    if (LIKELY(span && size <= span->cell_size))
        heap_free_fast(p);
    else
        heap_free_slow_as(p, call, size);
}

#endif
