/* span_check: lists of free cells against what a program may have done to them: freed an address that is no
 * cell, freed a cell twice, written to one after its free. The fast paths do not ask; here it is noticed when
 * a list is handed out.
 */
#ifndef WEIR_DEBUG_SPAN_CHECK_H
#define WEIR_DEBUG_SPAN_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/debug/misuse.h"

/* A free on the fast path takes any multiple of 16 in a span for a cell. True: it was none, and has been
 * reported. */
static inline bool span_check_interior(const span_t *span, const cell_t *cell)
{
    uint32_t offset = (uint32_t)((uintptr_t)cell - (uintptr_t)span_start(span));
    if (LIKELY(class_cell_at(class_reciprocals[span->cls], offset) * span->cell_size == offset))
        return false;
    misuse_report("interior address at", cell, span->cell_size, "free()");
    return true;
}

static inline bool span_check_holds(const span_t *span, const cell_t *cell)
{
    return (uintptr_t)cell - (uintptr_t)span_start(span) < SLOT_SIZE;
}

/* Look through the first cells of a list that is about to be handed out for links and tags that the program
 * has overwritten. */
static inline void span_check_list(const span_t *span, const cell_t *cell, uint32_t most)
{
    for (uint32_t steps = 0; cell && steps < most; cell = cell->next, steps++) {
        if (UNLIKELY(!span_check_holds(span, cell)))
            misuse_corrupted("free list overwritten at", span_start(span));
        if (UNLIKELY((uintptr_t)cell % 16 != 0))
            misuse_corrupted("free list overwritten at", cell);
        if (UNLIKELY(cell->tag != span))
            misuse_corrupted("free cell overwritten at", cell);
    }
}

/* Of a list of cells just freed, without those in hollow pages: these carry no tag, so a second free of one
 * is not seen before here. */
cell_t *span_check_absent(span_t *span, cell_t *list);

/* Look through the latest frees for addresses that are no cells, up to a few thousand; the fast path does not
 * ask. The caller owns the heap. */
void span_check_freed(const heap_t *heap);

#endif
