/* shed: what goes when a limit cannot be held by releasing idle memory, in this order, rung by rung:
 *
 *     IDLE         idle memory                              pages/limit.c, before what does not fit is taken
 *     CACHES       free cells of this thread and of those that sleep, and free pages in spans
 *     VICTIMS      what pools had not used for a cycle
 *     POOLS        all that pools have
 *     SHRINKERS    what the program has registered (shrinker.h)
 *     COLLECTION   collected memory that is not reached
 *     CALLBACK     the program is told
 *     REFUSAL      under the hard limit alone: ENOMEM        pages/limit.c
 *
 * A rung is left out when the ones before have made room: a 64th of the limit, for rungs of the runtime's
 * own, so that the next request is not at the limit again; any, for what the program would feel. Memory that
 * a rung frees is given back to the kernel before the next is asked. Each rung counts how often it was taken,
 * and by how much less was in use after it: held and not idle. */
#ifndef WEIR_CONTROL_SHED_H
#define WEIR_CONTROL_SHED_H

#include <weir/control.h>

#include "runtime/cycle/cycle.h"

typedef struct shed_count {
    uint64_t taken, bytes;
} shed_count_t;

/* A cycle for the limit's sake: CACHES to CALLBACK. No lock is held. */
void shed_run(void);

/* The share of the limit was passed: the callback alone. */
void shed_tell(void);

/* Ever. */
shed_count_t shed_count(weir_rung rung);

#endif
