/* stats: reads the heap's counts and the page statistics into the account that include/weir/stats.h
 * defines.
 *
 * This folder: the account, metrics, heap profiles and traces: read, encoded and printed.
 */
#ifndef WEIR_OBSERVE_STATS_H
#define WEIR_OBSERVE_STATS_H

#include <weir/stats.h>

/* Fill in every field. Takes the heap's locks, never allocates. */
void stats_read(weir_mem_stats *stats);
/* The same without the collector's figures on its cycles, which are set to 0: so this waits for no cycle. */
void stats_read_memory(weir_mem_stats *stats);

#endif
