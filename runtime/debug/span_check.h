/* span_check: checks lists of free cells for misuse by the program: a free of an address that is no cell, a
 * second free of a cell, a write to a freed cell. The fast paths do not check; the misuse is noticed
 *
 *     at a span's event      if the span was not full, and the cell whose free caused the event was never
 *                            handed out
 *     at a refill            if the list's head is no cell, or links or tags of the first cells are wrong
 *     at the process's end   if one of the first few thousand cells in the lists is no cell
 */
#ifndef WEIR_DEBUG_SPAN_CHECK_H
#define WEIR_DEBUG_SPAN_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/debug/misuse.h"

/* Of an address in the span: may it be in a cell that was handed out? */
static inline bool span_check_handed_out(const span_t *span, const cell_t *cell)
{
    return (uintptr_t)cell - (uintptr_t)span_start(span) < (size_t)span->initialized * span->cell_size;
}

/* Report an address that was given to free and is no cell that was handed out. */
void span_check_report(const span_t *span, const cell_t *cell);

/* A free on the fast path takes any multiple of 16 in a span for a cell. True: it was none, or was never
 * handed out, and has been reported. */
static inline bool span_check_stray(const span_t *span, const cell_t *cell)
{
    uint32_t offset = (uint32_t)((uintptr_t)cell - (uintptr_t)span_start(span));
    uint32_t index = class_cell_at(class_reciprocals[span->cls], offset);
    if (LIKELY(index * span->cell_size == offset && index < span->initialized))
        return false;
    span_check_report(span, cell);
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

/* The list of cells just freed, without those that reach into hollow pages. Such a cell was free already, but
 * carried no tag, so the second free of it is only noticed here, and reported. */
cell_t *span_check_absent(span_t *span, cell_t *list);

/* The free of the first cell on span->free, which was never handed out, has caused the span's event: report
 * the free, and undo it. */
void span_check_undo(span_t *span);

/* Look through the lists of the heap, a few thousand cells, for what is no cell. The caller owns the heap. */
void span_check_freed(const heap_t *heap);

#endif
