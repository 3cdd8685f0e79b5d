/* hollow: pages of small spans that are partly in use, given back to the kernel.
 *
 * A page of a span that no cell in use reaches into can go back, but free cells are linked through their
 * first words: those of such a page would be lost. So they are taken off the list, and the descriptor stands
 * in for them: a bit for each hollow page, and a cell is absent if it reaches into one.
 *
 *     pages     |  resident   |   hollow    |   hollow    |  resident   |   hollow & pages below touched
 *     cells     | u | f | u | a . a . a . a . a . a . a . a | f | u | ...   u used, f on the list, a absent
 *
 *     used + |free| + absent == initialized <= cells
 *
 * Refills bring a page back when nothing else is free: its absent cells go into the cache as untouched ones
 * do. The caller of all of this owns the span. */
#ifndef WEIR_CELLS_HOLLOW_H
#define WEIR_CELLS_HOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* Give back what can be of all partial spans of the heap. None of them is active. What is left is left when
 * `stop` says so, which is asked before each span; NULL: never. False: it did. */
bool hollow_heap(heap_t *heap, bool (*stop)(const heap_t *heap));

/* Bring pages back until there is a cell: their cells as a list, and how many. NULL: the hard limit
 * refuses. */
cell_t *hollow_revive(span_t *span, uint32_t *count);

/* The cell reaches into a hollow page: a free of it is the second one. */
bool hollow_has(const span_t *span, const cell_t *cell);

#endif
