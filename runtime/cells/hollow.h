/* hollow: pages of small spans that are partly in use, given back to the kernel. Spans of collected cells
 * have no lists of free cells: they use the bits and hollow_release alone (gc/cells/collected_count.c).
 *
 * A page of a span that no cell in use reaches into can go back. But free cells are linked through their
 * first words, and the words in such a page would be lost. So its cells are taken off the list, and the
 * descriptor has a bit for each hollow page instead. A cell is absent if it reaches into a hollow page.
 *
 *     pages     |  resident   |   hollow    |   hollow    |  resident   |   span->hollow: one bit a page
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

/* Give back the pages of the heap's partial spans that can be given back. `stop`, unless NULL, is called
 * before each span; if it returns true, no further span is tried, and the result is false. */
bool hollow_heap(heap_t *heap, bool (*stop)(const heap_t *heap));

/* Bring hollow pages back until there is a cell that reaches into no hollow one. Returns the cells as a list,
 * and their number. NULL: the hard limit refuses. */
cell_t *hollow_revive(span_t *span, uint32_t *count);

/* Release a set of pages of a span, a bit each; returns those that the kernel has taken. */
uint32_t hollow_release(const span_t *span, uint32_t pages);

/* Does the cell reach into a hollow page? Then it is free, and to free it is a double free. */
bool hollow_has(const span_t *span, const cell_t *cell);

#endif
