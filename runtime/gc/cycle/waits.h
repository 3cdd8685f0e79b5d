/* waits: how long threads waited for the trace that went on beside them.
 *
 * A thread that waits far past the goal goes on only when the trace has ended, and the pacer is told of the
 * trace before. So a wait counts up to the moment of asking, and its rest belongs to the next trace:
 *
 *     time = (ends of waits that are over) - (begins of all waits) + (waits that go on) * now
 */
#ifndef WEIR_GC_CYCLE_WAITS_H
#define WEIR_GC_CYCLE_WAITS_H

#include <stdint.h>

/* The calling thread begins to wait; it has stopped waiting. */
void waits_begin(void);
void waits_end(void);

typedef struct waits {
    uint64_t count; /* waits that ended or go on, since the last call */
    uint64_t ns;    /* of all threads in all, since the last call; to the microsecond */
} waits_t;
/* Any thread, but one at a time. */
waits_t waits_take(void);

/* How many waits have begun since waits_take. Any thread. */
uint64_t waits_begun(void);

/* In the child: the threads that waited are gone. */
void waits_after_fork_child(void);

#endif
