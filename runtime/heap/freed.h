/* freed: is what was freed a cell? The fast path of free asks only whether it is marked as free, and takes any multiple of
 * 16 in a span of the thread's for a cell. The rest is asked off the fast paths:
 *
 *     at a span's event, unless    was the cell whose free brought it ever handed out?
 *     it was full
 *     at a refill                  is the head of the list that is about to be handed out a cell?
 *     at the process's end         the same of all lists, a few thousand cells
 */
#ifndef WEIR_HEAP_FREED_H
#define WEIR_HEAP_FREED_H

#include "runtime/heap/cache.h"
#include "runtime/heap/classes.h"

static inline bool freed_is_in_span(const span_t *span, const cell_t *cell)
{
    return (uintptr_t)cell - (uintptr_t)span_start(span) < SLOT_SIZE;
}

/* Of an address in the span: may it be in a cell that was handed out? */
static inline bool freed_was_handed_out(const span_t *span, const cell_t *cell)
{
    return (uintptr_t)cell - (uintptr_t)span_start(span) < (size_t)span->initialized * span->cell_size;
}

/* Of an address in the span: is it the start of such a cell? */
static inline bool freed_is_cell(const span_t *span, const cell_t *cell)
{
    uint32_t offset = (uint32_t)((uintptr_t)cell - (uintptr_t)span_start(span));
    uint32_t index = class_cell_at(class_reciprocals[span->cls], offset);
    return index * span->cell_size == offset && index < span->initialized;
}

/* It is not. */
void freed_report(const span_t *span, const cell_t *cell);
/* The free of the first cell on span->free, which was never handed out, has brought the span's event: report it, and
 * take it back. */
void freed_undo(span_t *span);
/* Look through the lists of the heap, a few thousand cells. The caller owns it. */
void freed_check_heap(const heap_t *heap);

#endif
