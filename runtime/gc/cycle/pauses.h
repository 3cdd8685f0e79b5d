/* pauses: histograms of how long collections stopped the program. They tell what a sum and a list of the last
 * few pauses do not.
 *
 * Buckets are of durations, four to each doubling, from 2^8 ns (one bucket below) to 2^34 ns, 17 seconds (one
 * above).
 */
#ifndef WEIR_GC_CYCLE_PAUSES_H
#define WEIR_GC_CYCLE_PAUSES_H

#include <stdint.h>

enum pauses_kind { PAUSES_STOPPING, PAUSES_TOTAL, PAUSES_KINDS };
enum { PAUSES_FIRST = 8, PAUSES_LAST = 34, PAUSES_BUCKETS = (PAUSES_LAST - PAUSES_FIRST) * 4 + 2 };

/* One thread at a time. */
void pauses_note(enum pauses_kind kind, uint64_t ns);

/* Any thread, at any time. */
void pauses_read(enum pauses_kind kind, uint64_t counts[PAUSES_BUCKETS]);
/* In seconds: PAUSES_BUCKETS + 1 bounds, the first 0, the last infinite. */
const double *pauses_bounds(void);

#endif
