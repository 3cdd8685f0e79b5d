/* gc_state: what the parts of the collector's cycle share.
 *
 *     gc.c         the cycle: when it may run, what it does, fork
 *     gc_pace.c    the pacer: what it is told, what it says; the figures of all cycles
 *     gc_alloc.c   allocation of collected memory, which triggers cycles
 *     gc_roots.c   registered roots and stacks, and questions about the graph, under the cycle's lock
 */
#ifndef WEIR_GC_CYCLE_GC_STATE_H
#define WEIR_GC_CYCLE_GC_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/cycle/cycle.h"
#include "runtime/cycle/event.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc_stats.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/os/lock.h"
#include "runtime/policy/pacer.h"

/* Handed out at a time, at least: what the heap may grow by between two questions. */
enum { GC_RUNWAY = 64 * 1024 };

/* Under the lock, unless it says otherwise: atomics are read without it. */
typedef struct gc_state {
    lock_t lock; /* held throughout a cycle */
    pacer_t pacer;
    _Atomic bool started;
    unsigned cores;
    uint64_t told_ns;  /* when the pacer was last told of the program's time */
    uint64_t ended_ns; /* when the last trace ended */
    double rate;       /* bytes allocated in a nanosecond, from then to the beginning of the next */
    gc_stats_t stats;
    gc_counts_t counts;       /* of them and of the pacer, for readers without the lock; written by publish */
    _Atomic uint32_t version; /* of counts; odd: they are being written */
    uint64_t told_goal;       /* by the last event */
    uint64_t not_before_ns;   /* after a stop that failed: no collection but one that was asked for */
    _Atomic uint64_t trigger; /* the pacer's */
    _Atomic uint64_t live;    /* marked by the last cycle */
    _Atomic int disabled;     /* by so many calls */
    uint32_t forbidden;       /* by so many scopes of all threads */
    _Atomic uint64_t waits,
        wait_ns; /* of threads that came to the goal while a trace went on beside them; since the last */
} gc_state_t;
HIDDEN extern gc_state_t gc;

/* What was free in a thread's allocation buffer at the trace is counted by neither, and may be freed by
 * hand. */
static inline uint64_t gc_heap_bytes(void)
{
    uint64_t bytes = gc.live + collected_bytes_since;
    return (int64_t)bytes < 0 ? 0 : bytes;
}

/* --- gc.c --- */

/* At the first use of collected memory. */
void gc_start(void);
/* A cycle of the runtime, in which the collector traces. The program's registers are in this function's
 * frame. */
void gc_run_cycle(enum cycle_reason reason);

/* --- gc_pace.c; under the lock --- */

void gc_pace_start(void);
/* The knobs may have been turned since. */
void gc_pace_by_knobs(void);
bool gc_knobs_have_turned(void); /* without the lock */
/* Bytes that are held, but neither idle nor, of what is collected, `usable`. */
uint64_t gc_outside_of(uint64_t usable);
/* Nanoseconds of the program since the pacer was last told, on all processors, as the pacer wants it. */
uint64_t gc_program_time(void);

/* A trace is about to begin: how fast has the program allocated since the last one? */
void gc_note_rate(void);
/* It has ended: count it; complete its event; tell the pacer. */
void gc_note_cycle(const trace_result_t *result, bool forced);
void gc_describe_cycle(weir_event *event, trace_result_t *result);
void gc_pace_by_cycle(const trace_result_t *result, uint64_t outside, uint64_t program_ns);
void gc_tell_of_pace(weir_event *event, bool limiter_was_on);
/* It could not be: a thread was not to be stopped, and the others stood still for so long. */
void gc_put_off(uint64_t stood_ns);

#endif
