/* background: the thread that runs concurrent cycles, so that no thread of the program has to.
 *
 *     idle --> asked --the trace has ended--> traced --the dead are released--> settling --> idle
 *
 * The thread is created when it is first asked for a cycle, and again after a fork. A thread of the program
 * that allocates beyond the goal waits a few milliseconds; far beyond it, for the end of the trace: then the
 * heap is what was found. One that needs the memory, because it is at the limit, waits until the dead are
 * released. No thread waits while the cycle settles, because the cycle then calls functions of the program.
 * Asked for the next cycle meanwhile, the thread runs it when this one has ended. While it is idle, it puts
 * the heap on huge pages again (collapse.h).
 */
#ifndef WEIR_GC_CYCLE_BACKGROUND_H
#define WEIR_GC_CYCLE_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

/* Have run_cycle called on the background thread, if it settles, when it has settled; and `collapse` when the
 * thread is idle, again and again while it returns true and the time for it lasts. False if the thread is
 * busy or cannot be created: the caller then runs the cycle. */
bool background_ask(void (*run_cycle)(void), bool (*collapse)(void));
/* Has it been asked for a cycle whose trace has not ended? */
bool background_is_asked(void);
/* The same, or its dead are not yet released? Then it has the collector's lock, or will take it. */
bool background_is_collecting(void);
/* Wait until that trace has ended; until the dead are released. */
void background_wait(void);
void background_wait_released(void);
/* Does its cycle settle? Then what it is asked for has to wait for functions of the program. */
bool background_is_settling(void);
/* Wait until the trace has ended, but no longer than this. */
void background_wait_for(uint64_t ns);
/* For how long the thread has put memory on huge pages (collapse.h) since the last call, in nanoseconds. */
uint64_t background_take_collapse_ns(void);
/* Is the thread idle or absent? Otherwise its stack, which is scanned like any other, may hold addresses of
 * objects that it has marked. */
bool background_is_at_rest(void);
/* Is the calling thread the background thread? */
bool background_is_caller(void);
/* Called by the thread that runs a cycle: its trace has ended, in the last stop; it has released the dead, or
 * has not traced. */
void background_traced(void);
void background_released(void);
void background_after_fork_child(void);

#endif
