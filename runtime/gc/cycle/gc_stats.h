/* gc_stats: the figures of the collector. */
#ifndef WEIR_GC_CYCLE_GC_STATS_H
#define WEIR_GC_CYCLE_GC_STATS_H

#include <stdint.h>

/* Of all cycles that have ended. All are of one moment, but for `heap`: that is of now. */
typedef struct gc_stats {
    uint64_t cycles, forced;
    uint64_t goal;                                         /* of the next; UINT64_MAX: none */
    uint64_t bound;                                        /* of the heap, while a trace goes on (pacer.h) */
    uint64_t live;                                         /* marked by the last */
    uint64_t heap;                                         /* live, and handed out since */
    uint64_t pause_total_ns, pauses[256], pause_ends[256]; /* circular; the last at (cycles + 255) % 256 */
    uint64_t pause_max_ns;                                 /* the longest */
    uint64_t last_end_ns;                                  /* since 1970 */
    /* CPU time on all processors since the runtime began: of the collector; of that, while the program stood
     * still; and all that there was, as of the end of the last cycle. */
    uint64_t collector_ns, stopped_ns, available_ns;
    uint64_t objects;       /* marked by the last */
    uint64_t limiter_cycle; /* the last after which the limiter was on; 0: it never was */
} gc_stats_t;

#endif
