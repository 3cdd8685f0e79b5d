/* young: is the next trace a young one (gc/cycle/trace.h)?
 *
 * A pure module: what each cycle cost and freed in, the kind of the next trace out. Its tests are
 * simulations.
 *
 * A young trace marks only what is new. It costs the program a fault at the first write to each page of old
 * objects, and leaves old garbage. So it pays for a program that drops most of what it allocates and seldom
 * writes to what it keeps. Whether a program is such a one is found out by trial:
 *
 *     cost of a cycle = (CPU time of the collector + faults on old pages before it) / bytes freed
 *
 *     full    -> young, if the goal was 3/8 above what is live, most of what came since the cycle before
 *                was garbage, the program wrote to less than a 16th of the old pages beside the trace, and
 *                the collector took more than a fifth of a processor. All of this has to be so in two full
 *                cycles by growth, one after the other, and no trial may be put off
 *     young   cost <= 3/4 of the last full one's, and less than an eighth of the old pages were written?
 *                 no   -> full; trials are put off, for twice as many full cycles as before
 *                 yes  -> young, while what is marked has grown by less than a quarter of the way from
 *                         what was live after the last full cycle to the goal, and at most sixteen
 *                         times in a row; then full
 *
 * A trial was in vain, too, if the next cycle had to be full: then faults were paid for nothing.
 *
 * The pages count for more than their faults: a write splits a huge page, and the small ones cost the program
 * some of its speed as long as they stay. Nobody measures that, so it has a bound of its own.
 *
 * The goal stays that of the last full cycle. So old garbage makes cycles more frequent, and never the heap
 * larger; a quarter of the way bounds both.
 */
#ifndef WEIR_POLICY_YOUNG_H
#define WEIR_POLICY_YOUNG_H

#include <stdbool.h>
#include <stdint.h>

/* A smaller live heap is marked in full: that takes about as long as the stops of a cycle. */
static const uint64_t YOUNG_LIVE_MIN = (uint64_t)16 << 20;

/* What one cycle did. Bytes, and nanoseconds of CPU time. */
typedef struct young_cycle {
    bool young;
    bool by_growth; /* not because the program asked for it, or for a limit */
    bool possible;  /* the next trace can be a young one */
    uint64_t heap;  /* when the trace ended, with what it freed */
    uint64_t live;  /* of that */
    uint64_t goal;  /* of the last full cycle */
    uint64_t collector_ns;
    uint64_t passed_ns; /* wall time since the cycle before, this one included */
    uint64_t pages; /* of old objects that were written: between the traces if young, else beside the trace */
} young_cycle_t;

/* Zero: no cycle has ended. Used under the collector's lock. */
typedef struct young {
    bool next;           /* the next trace is to be young */
    bool may_pay;        /* a trial, judging by the last full cycle by growth */
    bool always;         /* it is young whenever possible, but for every eighth; for tests */
    uint32_t in_row;     /* young traces since the last full one */
    uint32_t put_off;    /* full cycles until the next trial */
    uint32_t put_off_by; /* the last time */
    uint64_t live;       /* after the last cycle */
    uint64_t full_live;  /* after the last full cycle */
    double full_cost;    /* of the last full cycle by growth, nanoseconds a byte; 0: there was none */
} young_t;

/* Is the trace that begins now worth keeping for a young one, if it is full and all goes well? Keeping it
 * for nothing costs a walk over all marks. So there is a trial only after a second full cycle that speaks for
 * it. */
bool young_would_follow(const young_t *young);

/* What the next trace needs could not be kept: it is full. */
void young_refuse(young_t *young);

/* A cycle has ended. */
void young_end_cycle(young_t *young, const young_cycle_t *cycle);

#endif
