/* gc_state: what the parts of the collector's cycle share.
 *
 *     gc.c         the cycle: when it may run, what it does, fork
 *     gc_pace.c    what the pacer is told, and the trigger that it gives; the figures of all cycles
 *     gc_alloc.c   allocation of collected memory, which triggers cycles
 *     gc_roots.c   registered roots and stacks; questions about the graph, under the cycle's lock
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
#include "runtime/policy/young.h"

/* The least runway: it covers what threads take between two comparisons with the trigger. */
enum { GC_RUNWAY = 64 * 1024 };

/* Under the lock; atomic fields are also read without it. */
typedef struct gc_state {
    lock_t lock; /* held throughout a cycle */
    pacer_t pacer;
    young_t young;
    uint64_t runways[2];        /* that full and young traces need; 0: there was none yet */
    _Atomic size_t trace_began; /* bytes of the heap at the begin of this trace */
    _Atomic bool started;       /* written once, by gc_start, when the collector listens to cycles */
    unsigned cores;
    uint64_t told_ns;  /* when the pacer was last told of the program's time */
    uint64_t ended_ns; /* when the last trace ended */
    double rate;       /* bytes allocated per nanosecond, from ended_ns to the start of the next trace */
    gc_stats_t stats;
    gc_stats_t published;     /* stats, for readers without the lock; written by publish */
    _Atomic uint32_t version; /* of `published`; odd: it is being written */
    uint64_t told_goal;       /* the goal that the last event told */
    uint64_t not_before_ns;   /* after a stop that failed, only forced cycles collect before this time */
    _Atomic uint64_t trigger; /* the pacer's */
    _Atomic uint64_t live;    /* marked by the last cycle */
    _Atomic int disabled;     /* how many calls disable collection */
    uint32_t forbidden;       /* how many gc_forbid scopes are open, in all threads */
    /* Of the waits (waits.h), those for the brake (rounds.h), since the last cycle; each thread adds. */
    _Atomic uint64_t braked_ns;
} gc_state_t;
HIDDEN extern gc_state_t gc;

/* The sum may be negative: cells that were unused in an allocation buffer at the trace are in neither term,
 * but are subtracted when they are freed by hand. */
static inline uint64_t gc_heap_bytes(void)
{
    uint64_t bytes = gc.live + collected_bytes_since;
    return (int64_t)bytes < 0 ? 0 : bytes;
}

/* --- gc.c --- */

/* At the first use of collected memory. */
void gc_start(void);
/* Run a cycle of the runtime, in which the collector traces. Saves the program's registers in its frame. */
void gc_run_cycle(enum cycle_reason reason);
/* Start the mark workers that there are processors for. Not by a thread that others wait for while they hold
 * a lock of the C library: pthread_create may need that lock. */
void gc_start_workers(void);
/* Have the background thread run a cycle. False: it is busy, or there is none. */
bool gc_ask_background(void);

/* --- gc_pace.c; under the lock --- */

void gc_pace_start(void);
void gc_pace_after_fork_child(void); /* without the lock */
/* Apply the knobs, which may have been turned since the last call. */
void gc_pace_by_knobs(void);
bool gc_knobs_have_turned(void); /* without the lock */
/* Bytes that are held, less idle memory, less the `usable` bytes of collected memory. */
uint64_t gc_outside_of(uint64_t usable);
/* Wall time since the last call or the last gc_pace_by_cycle, times the processors, in nanoseconds. */
uint64_t gc_program_time(void);

/* Before a trace: note how fast the program has allocated since the last one. */
void gc_note_rate(void);
/* After a trace, in this order: count it, complete its event, set the runway, tell the pacer, tell
 * listeners. */
void gc_note_cycle(const trace_result_t *result, bool forced);
void gc_describe_cycle(weir_event *event, trace_result_t *result);
/* Decide whether the next trace is young; true: what it needs is to be kept. */
bool gc_pace_young(const trace_result_t *result, enum cycle_reason reason, uint64_t heap);
/* It could not be kept. */
void gc_pace_refuse_young(void);
/* Only of the background thread's traces. One that a thread of the program runs tells nothing of how early
 * the next one has to begin. */
void gc_pace_runway(const trace_result_t *result);
void gc_pace_by_cycle(const trace_result_t *result, uint64_t outside, uint64_t program_ns);
void gc_tell_of_pace(weir_event *event, bool limiter_was_on);
/* No trace was possible: a thread could not be stopped, and the others stood still for stood_ns. Put off the
 * next. */
void gc_put_off(uint64_t stood_ns);

#endif
