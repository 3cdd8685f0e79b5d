/* span_check: lists of free cells against what a program may have done to them: freed an address that is no
 * cell, freed a cell twice, written to one after its free. The fast paths do not ask; here it is noticed
 *
 *     at a span's event,     the cell whose free brought it was never handed out
 *     unless it was full
 *     at a refill            the head of the list is no cell; links and tags of the first cells are wrong
 *     at the process's end   a cell of any list is none, of a few thousand
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

/* It was given to free, and is no cell that was handed out. */
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

/* The free of the first cell on span->free, which was never handed out, has brought the span's event: report
 * it, and take it back. */
void span_check_undo(span_t *span);

/* Look through the lists of the heap, a few thousand cells, for what is no cell. The caller owns the heap. */
void span_check_freed(const heap_t *heap);

#endif
