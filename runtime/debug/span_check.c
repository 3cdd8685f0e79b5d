/* span_check: see span_check.h. */
#include "runtime/debug/span_check.h"

#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"

COLD void span_check_report(const span_t *span, const cell_t *cell)
{
    const char *what = span_check_handed_out(span, cell) ? "interior address at" : "unallocated address at";
    misuse_report(what, cell, span->cell_size, "free()");
}

COLD void span_check_undo(span_t *span)
{
    cell_t *cell = span->free;
    span_check_report(span, cell);
    span->free = cell->next;
    span->frees_until_event = 1;
}

COLD cell_t *span_check_absent(span_t *span, cell_t *list)
{
    cell_t *kept = NULL, *next;
    for (cell_t *cell = list; cell; cell = next) {
        next = cell->next;
        if (hollow_has(span, cell)) {
            misuse_report("double free of", cell, span->cell_size, "free()");
            span->frees_until_event++; /* as before the free */
        } else {
            cell->next = kept;
            kept = cell;
        }
    }
    return kept;
}

/* Check the cells of one list; returns how many steps are left. */
static uint32_t check_cells(const span_t *span, const cell_t *cell, uint32_t steps)
{
    for (; cell && steps > 0; cell = cell->next, steps--)
        if (!span_check_holds(span, cell) || (uintptr_t)cell % 16 != 0)
            misuse_corrupted("free list overwritten at", span_start(span));
        else if (span_check_stray(span, cell))
            return 0;
    return steps;
}

void span_check_freed(const heap_t *heap)
{
    uint32_t steps = 4096;
    for (uint32_t cls = 1; cls < CLASS_COUNT && heap->bins; cls++)
        if (heap->active[cls])
            steps = check_cells(heap->active[cls], heap->bins[cls], steps);
    steps = 4096;
    for (uint32_t slot = heap->spans; slot && steps > 0; slot = span_of_slot(slot)->all_next)
        steps = check_cells(span_of_slot(slot), span_of_slot(slot)->free, steps);
}
