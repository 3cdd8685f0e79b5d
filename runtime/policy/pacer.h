/* pacer: how large the collected heap may grow before the next cycle.
 *
 * Sizes and times in, a goal and a trigger out. A pure module: no lock, no clock, no memory of its own; its
 * tests are simulations. Its owner guards it, tells it what a cycle found, and copies `trigger` to where
 * allocating threads compare with it.
 *
 *     live      bytes that the last cycle marked
 *     heap      live, and what has been handed out since: grows by allocation buffers and large objects
 *     roots     stacks and globals: work for a cycle, though nothing it could free
 *     threads   that allocated since the last cycle, up to 8
 *     outside   all that is held but neither idle nor cells for collected objects: manual memory, arenas,
 *               metadata
 *
 *     percent goal = live + (live + roots) * GOGC/100       at least threads * 4 MiB * GOGC/100;
 *                                                          GOGC off: no bound
 *     limit goal   = room - headroom                        room = limit - outside
 *     goal         = the lower one                          at least live + step
 *     trigger      = goal - runway                          at least live + 45/64 of the way to the goal
 *
 *     0           live        live + step     trigger         goal
 *     |============|--------------|--------------|<-- runway -->|
 *
 * These are Go's formulas (runtime/mgcpacer.go, Go 1.19; design document 44167; the headroom of 3 % is of
 * later releases). The runway is what the program will allocate while a cycle runs. Where a cycle stops the
 * world, the runway need only cover what the owner hands out at a time.
 *
 * Deviations from Go:
 * - The least goal is 4 MiB for each thread that allocates, but for no more than eight. A collection of a
 *   small heap costs as much as its stop, and that as much as there are threads to stop; and the more threads
 *   allocate, the sooner is the goal reached.
 * - Free cells do not count as non-heap memory, see pacer_cycle_t.
 * - Idle memory does not count against the limit, since the heap can use it, or release it, before it takes
 *   more. Go also subtracts what is held beyond the limit at the moment; it has to, as its scavenger releases
 *   later.
 * - The headroom is 3 % of the room, at least 1 MiB, but at most half of it. Go takes 1 MiB as the goal when
 *   there is less room than 2 MiB, even if there is no room.
 * - step = max(256 KiB, live / 128). If the live heap has reached the limit, Go's goal is the live heap
 *   itself, and cycles follow each other without a pause until the limiter acts. Growth of less than 1 % is
 *   not worth a cycle.
 * - No cycle starts for the limit's sake while the limiter (limiter.h) is on. The goal of the percentage
 *   still holds: GOGC=5 means 5.
 * - No cycle starts because the last one is old (Go: two minutes): nothing runs in an idle program.
 *
 * Invariants: goal and trigger exceed live by at least 45/64 of the step; trigger <= goal, except after
 * pacer_wants_cycle has put a cycle off because of the limiter; no cycle is wanted before the heap has grown
 * by a quarter of the step.
 */
#ifndef WEIR_POLICY_PACER_H
#define WEIR_POLICY_PACER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/policy/limiter.h"

/* As a limit, a goal or a trigger: none. */
#define PACER_NONE UINT64_MAX

/* What one cycle found. Bytes, and nanoseconds of CPU time. */
typedef struct pacer_cycle {
    uint64_t live;
    uint64_t roots;
    unsigned threads; /* that allocated since the cycle before; 0: as 1 */
    /* Held, less idle memory, less spans of collected cells. Free cells do not count as outside, since the
     * heap can grow into them. If they did, a goal that is reached before they are used would be followed by
     * a lower one, until there is a cycle at every step. */
    uint64_t outside;
    /* The collector's time, and the program's since the last call of pacer_wants_cycle or pacer_end_cycle.
     * Measured alike: while the world stands still, wall time on all cores is the collector's; while it runs,
     * the program's. (Go leaves out cores that idle; a library cannot see them.) */
    uint64_t collector_ns, program_ns;
} pacer_cycle_t;

/* All fields belong to the owner of the pacer, and are read and written under its lock. */
typedef struct pacer {
    /* The knobs. */
    int gc_percent; /* negative: off */
    uint64_t limit; /* PACER_NONE: none */
    uint64_t runway;
    /* From the last cycle. */
    uint64_t live, roots, outside;
    uint64_t threads; /* 1 to 8; falls by at most one a cycle, as a short cycle does not see all */
    uint64_t cycles;  /* how many there were */
    limiter_t limiter;
    uint64_t limiter_cycle; /* the last cycle after which the limiter was on; 0: it never was */
    /* Computed from these. */
    uint64_t percent_trigger; /* as if there were no limit */
    uint64_t goal;
    uint64_t trigger; /* ask pacer_wants_cycle before the heap reaches this */
    bool limited;     /* the limit decided, not the percentage */
} pacer_t;

/* Before the first cycle: nothing live. `runway`: at least as much as is handed out at a time. */
void pacer_init(pacer_t *pacer, int gc_percent, uint64_t limit, uint64_t runway, unsigned cores);

/* The knobs; goal and trigger follow at once. */
void pacer_set_gc_percent(pacer_t *pacer, int gc_percent);
void pacer_set_limit(pacer_t *pacer, uint64_t limit);
void pacer_set_runway(pacer_t *pacer, uint64_t runway);
void pacer_set_cores(pacer_t *pacer, unsigned cores);

/* Set `outside`, under a limit, until the next cycle ends. There are two occasions. When manual memory or
 * arenas have grown or shrunk noticeably, it is the value of the last cycle plus the difference. When the
 * limit is about to be passed, no memory is idle, and no cell of the size is free, it is what is held now,
 * less idle memory, less the heap, because the free cells are of no use; pacer_wants_cycle is called next. */
void pacer_set_outside(pacer_t *pacer, uint64_t outside);

/* The heap is about to grow by `request`, to the trigger or beyond: is a cycle to run first? Not for the
 * limit's sake while the limiter is on: then `trigger` has moved, and says when to ask again. Nor if next to
 * nothing was handed out since the last cycle, as when large objects follow each other. `program_ns`: the
 * program's time since the pacer was last told. */
bool pacer_wants_cycle(pacer_t *pacer, uint64_t heap, uint64_t request, uint64_t program_ns);

/* How large the heap may be while a trace goes on beside the program, if it was `began` bytes when the trace
 * began, and `marked` of the `live` bytes that are expected are marked. When marking ends, an eighth of the
 * way to the goal is left for the rounds that follow (rounds.h): past the goal all threads are slow. If more
 * is marked than was expected, half of the rest is expected to live. */
uint64_t pacer_allowance(uint64_t began, uint64_t goal, uint64_t marked, uint64_t live);

/* How large the heap may be before the trace that goes on has ended: the goal, and a 32nd of the way to it
 * from the live heap. Past the goal it grows slowly, because each allocation waits. Where the limit has
 * decided, the goal: what is left below the limit is for other things. */
uint64_t pacer_bound(const pacer_t *pacer);

/* How much the program wanted to allocate beside a trace of `beside_ns`: the next runway. It allocated
 * `allocated` bytes, and each thread waited for `waited_ns` of that time. Before, it allocated `rate` bytes
 * a nanosecond. Where threads waited for less than half of the time, the rest tells; else the rate does. It
 * is an eighth more than it allocated, at least: the next trace may last longer. */
uint64_t pacer_wanted(uint64_t allocated, uint64_t beside_ns, uint64_t waited_ns, double rate);

/* A cycle has ended, for any reason. */
void pacer_end_cycle(pacer_t *pacer, const pacer_cycle_t *cycle);

#endif
