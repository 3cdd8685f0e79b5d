/* limiter: how much of the CPU the collector has had of late, and whether it must hold back.
 *
 * After Go's gcCPULimiter (runtime/mgclimit.go, Go 1.19): a leaky bucket with room for one second of CPU time
 * a core. The collector's time fills it, the program's drains it, both unweighted, so that in the long run
 * the collector has at most half. The room is what a spike may take beyond that. The bucket cannot go below
 * empty: an idle hour earns no credit.
 *
 *     0        fill                capacity                 capacity + time of the last cycle
 *     |=========+-----------------------|- - - - - - - - - - - - - - - -|
 *       may collect                       on: held back until it has drained
 *
 * One deviation. In Go a full bucket stops the program's help with marking in the middle of a cycle, and what
 * does not fit is forgotten. A cycle that stops the world cannot be cut short, so here it may fill the bucket
 * beyond the brim, and the excess has to drain before the next one. Without this, cycles longer than the
 * bucket would follow each other at once. Hence, for any stretch of time in which no cycle starts while the
 * limiter is on,
 *
 *     collector <= program + capacity + longest cycle
 *
 * A pure module: times in, state out; no lock, no clock.
 */
#ifndef WEIR_POLICY_LIMITER_H
#define WEIR_POLICY_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

/* All fields belong to the owner of the limiter; others may read them under the owner's lock. CPU
 * nanoseconds. */
typedef struct limiter {
    uint64_t fill;
    uint64_t capacity;
    bool on; /* fill >= capacity */
} limiter_t;

void limiter_init(limiter_t *limiter, unsigned cores);
/* The number of cores has changed. */
void limiter_set_cores(limiter_t *limiter, unsigned cores);
/* A cycle has taken this much of the collector's time. */
void limiter_fill(limiter_t *limiter, uint64_t collector_ns);
/* The program has run for this long since the limiter was last told. */
void limiter_drain(limiter_t *limiter, uint64_t program_ns);

#endif
