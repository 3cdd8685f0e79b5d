/* stats: the page statistics read into the account that include/weir/stats.h defines.
 *
 * This folder: the account, metrics, heap profiles and traces: read, encoded and printed.
 */
#ifndef WEIR_OBSERVE_STATS_H
#define WEIR_OBSERVE_STATS_H

#include <weir/stats.h>

/* Fill in every field. Takes the heap's locks, never allocates. */
void stats_read(weir_mem_stats *stats);
/* All but what the collector tells of its cycles, which are 0: waits for no cycle. */
void stats_read_memory(weir_mem_stats *stats);

#endif
