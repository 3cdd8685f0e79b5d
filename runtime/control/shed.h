/* shed: what is given up when releasing idle memory is not enough for a limit; rung by rung, in this order:
 *
 *     IDLE         idle memory                              pages/limit.c, before a request that does not fit
 *     CACHES       free cells of this thread and of those that sleep, and free pages in spans
 *     VICTIMS      what pools had not used for a cycle
 *     POOLS        all that pools have
 *     SHRINKERS    what the program has registered (shrinker.h)
 *     COLLECTION   collected memory that is not reached
 *     CALLBACK     the program is told
 *     REFUSAL      under the hard limit alone: ENOMEM        pages/limit.c
 *
 * A rung is skipped when the rungs before have made enough room. Before a rung inside the runtime, enough
 * means that the request fits and a 64th of the limit stays free, so that the next request does not meet the
 * limit again. Before a rung that the program notices, it means that the request fits. Memory that a rung
 * frees is given back to the kernel before the next rung is tried. Each rung counts how often it was taken,
 * and by how many bytes it has reduced what is in use, that is, held and not idle. */
#ifndef WEIR_CONTROL_SHED_H
#define WEIR_CONTROL_SHED_H

#include <weir/control.h>

#include "runtime/cycle/cycle.h"

typedef struct shed_count {
    uint64_t taken, bytes;
} shed_count_t;

/* A cycle for the limit: CACHES to CALLBACK. No lock is held. */
void shed_run(void);

/* The pressure callback's share of the limit was passed: the callback alone. */
void shed_tell(void);

/* The counts of the rung since the start. */
shed_count_t shed_count(weir_rung rung);

#endif
