/* trace: one trace, from the first question for roots to the last decision: in one stop of the world, or
 * beside the program.
 *
 *     in a stop    | stop | roots, mark, weak references, finalizers | start |
 *
 *     beside       arm | stop | roots | start | mark | ask, rescan, mark | ...
 *     program      runs         -               runs
 *                  ... | stop | look, rescan, roots, mark, weak references, finalizers | start | disarm
 *                                      -                                                 runs
 *
 * Beside the program, after Boehm, Demers, Shenker, "Mostly parallel garbage collection", 1991, with the
 * kernel to tell which pages were written: watch.h, rescan.h. The first stop is no more than a beginning:
 * what it finds need not be found in the last one, when all roots are looked through again. Rounds of asking
 * go on as long as each finds clearly less than the one before.
 *
 * It is for heaps that would otherwise be stopped for longer than a budget. A trace that cannot go on beside
 * the program (the kernel refuses, a descriptor was closed) begins anew, in a stop.
 */
#ifndef WEIR_GC_CYCLE_TRACE_H
#define WEIR_GC_CYCLE_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/event.h>

#include "runtime/gc/mark/mark.h"

struct origin_frame;

/* What is asked for. */
typedef struct trace_request {
    uintptr_t entered_at; /* of the calling thread's stack, what counts begins here; 0: at the call */
    const struct origin_frame *from; /* only what this says counts of its stack and registers; NULL: all */
    bool looks;                      /* the caller wants to know what is not reached; nothing is freed */
    uint32_t members;                /* markers that there are */
    bool alone;                      /* too little to share */
} trace_request_t;

enum { TRACE_ROUNDS = 6 };

/* What became of it; nanoseconds and bytes. */
typedef struct trace_result {
    mark_result_t found;
    bool beside;
    uint32_t stops, rounds;
    uint64_t pauses[3], longest; /* of each stop, from the request to the restart */
    uint64_t stop_ns, mark_ns,
        start_ns;            /* of all stops: until all stood, until all was done, until all could run */
    uint64_t beside_ns;      /* between them */
    uint32_t beside_members; /* markers at work then */
    uint64_t waits,
        wait_ns;      /* of threads that allocated more than there was room for, since the last trace */
    size_t allocated; /* by the program then: it counts as found */
    size_t written[TRACE_ROUNDS + 1]; /* in each round, and in the last stop */
} trace_result_t;

/* Would a trace of a heap of so many bytes go on beside the program? */
bool trace_would_be_beside(size_t heap);
/* Is this one to? */
bool trace_is_beside(size_t heap, const trace_request_t *request);

/* Under the collector's lock, everything being swept. The event is told of what happens. False: the world
 * could not be stopped, and nothing is decided. */
bool trace_run(const trace_request_t *request, bool beside, weir_event *event, trace_result_t *result);

/* What became of the last one, for listeners to its end: the collecting thread adds the
 * pacer's part. */
void trace_note(const trace_result_t *result);
const trace_result_t *trace_last(void);

/* End the trace soon, without more rounds. By any thread. */
void trace_hurry(void);

#endif
