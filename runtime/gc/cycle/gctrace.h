/* gctrace: one line a cycle, as Go prints it under GODEBUG=gctrace=1 (runtime/mgc.go, Go 1.19), so that
 * programs that parse Go's lines can parse these:
 *
 *     gc 7 @0.121s 12%: 0.031+4.2+0.009 ms clock, 0.062+0/4.2/0+0.018 ms cpu, 7->8->4 MB, 8 MB goal, 0 MB
 *     stacks, 1 MB globals, 2 P (forced)
 *
 *     gc 7                  the cycle's number
 *     @0.121s               when it began, since the start of the program
 *     12%                   the collector's share of the CPU since then
 *     0.031+4.2+0.009       wall time: to stop, to mark, to start again; their sum is the pause. Of a
 *                           concurrent trace, and in Go: first stop, marking beside the program, last stop
 *     0.062+0/4.2/0+0.018   CPU time of the same three. Marking is divided as in Go (by allocating threads,
 *                           by mark workers, by idle processors); here all of it is the second
 *     7->8->4 MB            the heap when it began, when it ended, what was marked
 *     8 MB goal             the goal of this cycle
 *     stacks, globals       the roots that were scanned: all of them count as globals, stacks are 0
 *     2 P                   cores
 *     (forced)              the program asked for it
 *
 * A second line follows if the trace was concurrent (trace.h): the pages written before each rescan and
 * before the last stop, how many times a thread had to wait for the end, and for how long in all:
 *
 *     gc 7 beside the program: pages written 7168+1993+375+11, 1 waits, 0.21 ms
 *
 * MB is 2^20 bytes, rounded down. Times of 10 ms and more are whole; shorter ones have two significant digits
 * and at most three decimals; all are rounded down. Two more lines, which Go does not have, say that the
 * limiter goes on or off:
 *
 *     gc limiter on after gc 7: half of the CPU went into collecting; a limit, if set, may be exceeded
 *     gc limiter off after gc 9
 *
 * Allocates nothing; may be called with the world stopped.
 */
#ifndef WEIR_GC_CYCLE_GCTRACE_H
#define WEIR_GC_CYCLE_GCTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"

/* Room enough for any line. */
enum { GCTRACE_LINE = 512 };

/* The three phases of a cycle, nanoseconds of wall time. */
typedef struct gctrace_clock {
    uint64_t stop, mark, finish;
} gctrace_clock_t;

/* The same, of CPU time on all cores. */
typedef struct gctrace_cpu {
    uint64_t stop;
    uint64_t assist, dedicated, idle; /* together: mark */
    uint64_t finish;
} gctrace_cpu_t;

typedef struct gctrace_cycle {
    uint64_t number;
    uint64_t began_ns;
    unsigned cpu_percent;
    gctrace_clock_t clock;
    gctrace_cpu_t cpu;
    uint64_t heap_began, heap_ended, live; /* bytes, as are those that follow */
    uint64_t goal, stacks, globals;
    unsigned cores;
    bool forced;
} gctrace_cycle_t;

/* Of a trace that went on beside the program. */
typedef struct gctrace_beside {
    bool young;
    uint64_t pages_before; /* if young: written between the last trace and this one */
    uint32_t rounds;
    const uint64_t *pages; /* written before each round and before the last stop: rounds + 1 of them */
    uint64_t waits, wait_ns;
} gctrace_beside_t;

/* From now on a line for each collection goes to stderr: a listener (weir/event.h). */
void gctrace_listen(void);

/* Each adds one whole line. */
void gctrace_add_cycle(text_t *text, const gctrace_cycle_t *cycle);
void gctrace_add_beside(text_t *text, uint64_t number, const gctrace_beside_t *beside);
void gctrace_add_limiter(text_t *text, bool on, uint64_t number);

#endif
