/* find: see find.h. An address leads to its slot's descriptor, which says which span the slot belongs to and
 * in what state that is. */
#include "runtime/heap/find.h"

#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/debug/misuse.h"
#include "runtime/heap/heap.h"
#include "runtime/malloc/raw.h"
#include "runtime/malloc/zero.h"
#include "runtime/profile/guard.h"
#include "runtime/threads/bias.h"

/* Was this the start of a block, in the last span or large object before its slot became free? A guess, for
 * the words of a report. */
static bool was_block(span_t *span, size_t offset)
{
    return offset == 0 ? large_usable(span) != 0 : span->cell_size != 0 && offset % span->cell_size == 0;
}

span_t *find_span(const void *p, const char *call)
{
    if (!region_owns(p)) {
        misuse_outside(p, call);
        return NULL;
    }
    span_t *span = span_of_slot(region_slot(p));
    enum span_state state = span_state(span);
    size_t offset = (uintptr_t)p % SLOT_SIZE;
    if (state == SPAN_LARGE || state == SPAN_HUGE) {
        if (offset == 0)
            return span;
        misuse_report("interior address at", p, large_usable(span), call);
        return NULL;
    }
    if (state == SPAN_COLLECTED && offset % span->cell_size == 0 && offset / span->cell_size < span->cells)
        return span;
    if (state == SPAN_TAIL) {
        misuse_report("interior address at", p, large_usable(span_of_slot(span->first)), call);
        return NULL;
    }
    if (state == SPAN_NONE) {
        misuse_report(was_block(span, offset) ? "double free of" : "unallocated address at", p, 0, call);
        return NULL;
    }
    if (offset % span->cell_size == 0 && offset / span->cell_size < span_initialized(span))
        return span;
    misuse_report(offset / span->cell_size < span_initialized(span) ? "interior address at"
                                                                    : "unallocated address at",
                  p, span->cell_size, call);
    return NULL;
}

size_t heap_cell_size(const void *p)
{
    if (UNLIKELY(guard_owns(p)))
        return heap_usable_size(p);
    if (!region_owns(p) || zero_owns(p))
        return 0;
    span_t *span = span_of_slot(region_slot(p));
    return span_state(span) == SPAN_NONE ? 0 : span_usable(span);
}

bool heap_owns(const void *p)
{
    return region_owns(p) || guard_owns(p);
}
