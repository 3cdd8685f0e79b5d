/* freed: see freed.h. */
#include "runtime/heap/freed.h"

#include "runtime/heap/misuse.h"
#include "runtime/os/os.h"

COLD void freed_report(const span_t *span, const cell_t *cell)
{
    const char *what = freed_was_handed_out(span, cell) ? "interior address at" : "unallocated address at";
    misuse_report(what, cell, span->cell_size, "free()");
}

COLD void freed_undo(span_t *span)
{
    cell_t *cell = span->free;
    freed_report(span, cell);
    span->free = cell->next;
    span->frees_until_event = 1;
}

/* The steps that are left. */
static uint32_t check_cells(const span_t *span, const cell_t *cell, uint32_t steps)
{
    for (; cell && steps > 0; cell = cell->next, steps--) {
        if (!freed_is_in_span(span, cell) || (uintptr_t)cell % 16 != 0)
            misuse_corrupted("free list overwritten at", span_start(span));
        if (!freed_is_cell(span, cell)) {
            freed_report(span, cell);
            return 0;
        }
    }
    return steps;
}

void freed_check_heap(const heap_t *heap)
{
    enum { STEPS = 4096 };
    uint32_t steps = STEPS;
    for (uint32_t cls = 1; cls < CLASS_COUNT && heap->bins; cls++)
        if (heap->active[cls])
            steps = check_cells(heap->active[cls], heap->bins[cls], steps);
    steps = STEPS;
    for (uint32_t slot = heap->spans; slot && steps > 0; slot = span_of_slot(slot)->all_next)
        steps = check_cells(span_of_slot(slot), span_of_slot(slot)->free, steps);
}
