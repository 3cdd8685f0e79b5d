/* young: which traces leave old objects alone.
 *
 * A full trace marks everything that is reached. If its marks stay, the next trace can be a young one:
 * objects that are marked already count as reached, and only what was allocated or written since is looked
 * at (gc/cycle/trace.h). A young trace costs what the program has written, a full one what is live. It cannot
 * free an old object, so the heap after it contains garbage that the next full one will find:
 *
 *     full_live <= live        floating = live - full_live
 *     0           full_live        live                  goal
 *     |===============|---floating--|---- room ----------|
 *
 * The goal stays that of the full trace: the heap grows no larger because of young ones, but there are more
 * of them. The rule compares the cost of a byte that is allocated:
 *
 *     young pays  <=>  cost of young / allocated before it  <=  3/4 * cost of full / allocated before it
 *
 * The next trace is young as long as that holds and at least half of the room of the full one is left. When
 * it has not paid, the next 1, 3, 7 ... 63 traces are full before the next attempt.
 *
 * A pure module. Used under the collector's lock.
 */
#ifndef WEIR_POLICY_YOUNG_H
#define WEIR_POLICY_YOUNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct young {
    uint64_t full_live;     /* bytes, after the last full trace */
    uint64_t full_cost_ns;  /* of the last full trace */
    uint64_t full_bytes;    /* allocated before it, since the trace before */
    uint32_t skip, penalty; /* full traces to come before the next attempt, and after the next failure */
} young_t;

/* A trace that has ended. Nanoseconds of CPU time, and bytes. */
typedef struct young_trace {
    bool young;
    uint64_t
        cost_ns; /* the collector's work, and the faults of the program's first writes to watched pages */
    uint64_t allocated; /* since the trace before */
    uint64_t live;      /* after it */
    uint64_t goal;      /* a full trace: of the heap after it; a young one: the same as before */
} young_trace_t;

/* True: keep the marks, so that the next trace can be young. */
bool young_is_next(young_t *young, const young_trace_t *trace);
/* Bytes of `live` that may be garbage, after this trace. */
uint64_t young_floating(const young_t *young, const young_trace_t *trace);

#endif
