/* raw: see raw.h. */
#include "runtime/malloc/raw.h"

#include "runtime/debug/misuse.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/remote.h"
#include "runtime/profile/sampled.h"

void *raw_malloc(heap_t *self, size_t size)
{
    if (UNLIKELY(size > SMALL_MAX))
        return large_malloc(self, size, 1, false);
    return raw_malloc_cell(self, size);
}

void *raw_aligned(heap_t *self, size_t alignment, size_t size)
{
    if (size > SMALL_MAX || alignment > SMALL_MAX)
        return large_malloc(self, size, alignment, false);
    return raw_malloc(self, class_size(raw_class(alignment, size)));
}

bool raw_is_free(heap_t *self, span_t *span, const void *p)
{
    uint32_t left = span->cells;
    for (cell_t *cell = span->free; cell && left--; cell = cell->next)
        if (cell == p)
            return true;
        else if (!region_owns(cell))
            return true; /* the list was overwritten after a free, and cannot be trusted */
    left = span->cells;
    if (span->state == SPAN_ACTIVE)
        for (cell_t *cell = self->bins[span->cls]; cell && left--; cell = cell->next)
            if (cell == p)
                return true;
    return false;
}

bool raw_is_free_here(heap_t *self, span_t *span, const void *p)
{
    bias_enter(self);
    bool free = raw_is_free(self, span, p);
    bias_leave(self);
    return free;
}

static void free_cell(heap_t *self, span_t *span, void *p)
{
    bool own = __atomic_load_n(&span->heap, __ATOMIC_RELAXED) == self;
    bias_enter(self);
    if (UNLIKELY(raw_is_tagged(span, p)) && (!own || raw_is_free(self, span, p)))
        misuse_report("double free of", p, span->cell_size, "free()");
    else if (own)
        span_free_cell(span, p);
    else if (span_state(span) == SPAN_SAMPLED)
        sampled_free(span, p);
    else
        remote_free(self, span, p);
    bias_leave(self);
}

void raw_free(heap_t *self, span_t *span, void *p)
{
    if (span_is_large(span))
        large_free(self, span);
    else
        free_cell(self, span, p);
}
