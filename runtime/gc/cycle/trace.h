/* trace: one trace, from finding the roots to deciding what is dead: in one stop of the world, or concurrent,
 * which is beside the program.
 *
 *     in a stop    | stop | roots, mark, weak references, finalizers | start |
 *
 *     beside       arm | stop | roots | start | mark | ask, rescan, mark | ...
 *     program      runs         -               runs
 *                  ... | stop | look, rescan, roots, mark, weak references, finalizers | start | disarm
 *                                      -                                                 runs
 *
 * The concurrent trace is after Boehm, Demers, Shenker, "Mostly parallel garbage collection", 1991; the
 * kernel tells which pages were written: watch.h, rescan.h. The roots of the first stop only give the
 * markers something to begin with: the last stop scans all roots again, large ones where they were written
 * since (gc/roots/root_watch.h), and its result counts. rounds.h says how long rounds of rescanning go on.
 *
 * A young trace goes on from the last concurrent one, as if that had not ended but were in its next round.
 * The marks were kept, and the spans with marked objects stayed watched: so the pages that were written
 * since are known, and only objects that are new, or are reached from new pointers, are marked. Garbage
 * among the old objects stays until the next full trace. (Sticky mark bits: Demers and others, "Combining
 * generational and conservative garbage collection", 1990.) policy/young.h says when a trace is young.
 *
 *     full         arm | stop | roots | start | mark | ask, ... | stop | ... | start | keep
 *     young              stop | roots | start | ask, mark | ask, ... | stop | ... | start | keep
 *
 * Between two traces the first write to each page of the spans that are kept is a fault.
 *
 * A trace is concurrent if it would otherwise stop the program for longer than a budget. One that cannot go
 * on (the kernel refuses, a descriptor was closed) begins anew, in a stop.
 */
#ifndef WEIR_GC_CYCLE_TRACE_H
#define WEIR_GC_CYCLE_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/event.h>

#include "runtime/gc/mark/mark.h"
#include "runtime/policy/rounds.h"

struct origin_frame;

/* What is asked for. */
typedef struct trace_request {
    /* Gets the bytes that were found, in the last stop: they and collected_bytes_since are one sum. */
    _Atomic uint64_t *live;
    uintptr_t entered_at; /* the calling thread's stack is scanned from here on; 0: from the call */
    const struct origin_frame *from; /* scan only this of its stack and registers; NULL: all */
    bool finds_leaks;                /* the caller searches for leaks; nothing is freed */
    uint32_t members;                /* markers that there are */
    bool alone;                      /* by one marker: too little to share */
    bool young; /* go on from the marks of the last trace, if that is possible and the trace is concurrent */
    bool may_keep_marks; /* the next trace may be young, if this one is concurrent */
} trace_request_t;

/* The result; nanoseconds and bytes. */
typedef struct trace_result {
    mark_result_t found;
    bool beside, young;
    bool keeps_marks; /* the next trace may be young */
    uint32_t stops, rounds;
    uint64_t pauses[3], longest; /* of each stop, from the request to the restart */
    /* Of all stops: until all threads stood still, until the work was done, until all could run. */
    uint64_t stop_ns, mark_ns, start_ns;
    /* Between the stops; of that, before the rounds with the spare markers; in rounds. */
    uint64_t beside_ns, spare_ns, rounds_ns;
    uint32_t beside_members, members; /* markers: between the stops; with the spare ones, and in rounds */
    /* How often, and for how long in all, threads waited for the trace; the part of that for the brake. */
    uint64_t waits, wait_ns, braked_ns;
    size_t allocated;               /* by the program between the stops: it counts as live */
    size_t written_before;          /* if young: since the last trace, to pages that stayed watched */
    size_t written[ROUNDS_MAX + 1]; /* in each round, and in the last stop */
} trace_result_t;

/* How long a stop may last: a trace that would take longer in one stop is concurrent, and rounds of
 * rescanning go on until the last stop will be shorter. From WEIR_DEBUG=pausebudget, until it is set; returns
 * what it was before. By any thread. */
uint64_t trace_budget_ns(void);
uint64_t trace_set_budget(uint64_t ns);

/* Would a trace of a heap of `heap` bytes be concurrent? */
bool trace_would_be_beside(size_t heap);
/* The same for this request: a search for leaks is never concurrent. */
bool trace_is_beside(size_t heap, const trace_request_t *request);

/* Run a trace, under the collector's lock, when everything is swept. Listeners are told of each step by the
 * event. False: the world could not be stopped, and nothing is decided. */
bool trace_run(const trace_request_t *request, bool beside, weir_event *event, trace_result_t *result);

/* Called after trace_run, whatever it returned, under the same lock: ends what the trace needed. It takes
 * some milliseconds; threads that waited for the trace need not wait for it. for_young: what is watched stays
 * watched, because the next trace may be young. */
void trace_put_away(bool for_young);
/* After that, if it was for_young, and when the dead have been released: from now on, watch only what lives.
 * False: that is not possible, and the next trace cannot be young. */
bool trace_keep(void);
/* Between two traces: is it known what is written? */
bool trace_is_kept(void);

/* The result of the last trace, for listeners to COLLECTED; the collecting thread has added the waits. */
void trace_note(const trace_result_t *result);
const trace_result_t *trace_last(void);

/* How many bytes the trace beside the program has marked; UINT64_MAX: all, and the rounds have begun. Any
 * thread. */
uint64_t trace_progress(void);

/* How long a thread that allocates waits now, because the program writes as fast as the markers scan
 * (rounds.h). Any thread. */
uint64_t trace_brake_ns(void);

/* End the trace soon, without more rounds. By any thread. */
void trace_hurry(void);

#endif
