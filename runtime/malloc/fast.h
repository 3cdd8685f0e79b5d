/* fast: the fast paths of malloc and free, for which all else is made. docs/design.md shows them as
 * assembly. */
#ifndef WEIR_MALLOC_FAST_H
#define WEIR_MALLOC_FAST_H

#include "runtime/cells/cache.h"
#include "runtime/os/os.h"

void *heap_malloc_slow(size_t size);
void heap_free_slow(void *p);
/* span->frees_until_event reached zero in free. */
void heap_free_event(span_t *span);

static inline void *heap_malloc_fast(size_t size)
{
    if (LIKELY(size <= MEDIUM_MAX)) {
        cell_t **bin = &cache.bins[cache.class_of[class_granule(size)]];
        cell_t *cell = *bin;
        if (LIKELY(cell != NULL)) {
            *bin = cell->next;
            cell->tag = NULL;
            return cell;
        }
    }
    return heap_malloc_slow(size);
}

static inline void heap_free_fast(void *p)
{
    size_t unit = region_unit(p);
    if (LIKELY(region_has_unit(unit))) {
        span_t *span = span_of_unit(unit);
        cell_t *cell = p;
        if (LIKELY(span_owner(span) == os_thread_word() && cell->tag != span)) {
            cell->next = span->free;
            cell->tag = span;
            span->free = cell;
            if (LIKELY(--span->frees_until_event != 0))
                return;
            heap_free_event(span);
            return;
        }
    }
    heap_free_slow(p);
}

#endif
