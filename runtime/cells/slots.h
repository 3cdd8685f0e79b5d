/* slots: where spans of the collected kinds get their slots.
 *
 * Marking goes from object to object in no order that the processor could foresee, and on pages of 4 KiB each
 * step costs a walk through page tables besides the cache miss. So a large heap takes its slots in runs of 2
 * MiB, and has each backed by a huge page. Spans that may hold pointers and spans that may not lie in
 * separate runs: a collector that asks which pages were written need not ask about the latter.
 *
 *     2 MiB:  | span | span | span |  left, taken one by one  |
 *
 * A small heap takes its slots one at a time, among all others: 2 MiB more than needed would be much for it.
 * So does a heap near its limit. Measured with a cache of 30 million objects: with runs, marking takes 0.55
 * of the time, and filling the cache 0.6.
 */
#ifndef WEIR_CELLS_SLOTS_H
#define WEIR_CELLS_SLOTS_H

#include "runtime/region/region.h"

/* Is the heap so large, and so far from its limit, that huge pages are worth the memory they may waste? */
bool slots_want_huge(void);

/* A slot for a span of the kind, to be given back by pages_give(slot, 1, SLOT_PAGES); 0: out of memory. */
uint32_t slots_take(enum span_kind kind);

#endif
