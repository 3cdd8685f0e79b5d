/* stats: the ledger read into the account that include/weir/stats.h defines. */
#ifndef WEIR_OBSERVE_STATS_H
#define WEIR_OBSERVE_STATS_H

#include <weir/stats.h>

/* Fill in every field. Takes the heap's locks, never allocates. */
void stats_read(weir_mem_stats *stats);

#endif
