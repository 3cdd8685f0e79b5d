/* background: the thread that runs concurrent cycles, so that no thread of the program has to.
 *
 *     idle --asked--> asked --runs a cycle--> its trace has ended: settling --the cycle has ended--> idle
 *
 * The thread is created when it is first asked for a cycle, and again after a fork. A thread of the program
 * that allocates beyond the goal waits for the end of the trace. It does not wait while the cycle settles,
 * because the cycle then calls functions of the program.
 */
#ifndef WEIR_GC_CYCLE_BACKGROUND_H
#define WEIR_GC_CYCLE_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

/* Have run_cycle called on the background thread. False if the thread is busy or cannot be created: the
 * caller then runs the cycle. */
bool background_ask(void (*run_cycle)(void));
/* Has it been asked for a cycle whose trace has not ended? */
bool background_is_asked(void);
/* Wait until that trace has ended. */
void background_wait(void);
/* The same, but no longer than this. */
void background_wait_for(uint64_t ns);
/* Is the thread idle or absent? Otherwise its stack, which is scanned like any other, may hold addresses of
 * objects that it has marked. */
bool background_is_at_rest(void);
/* Is the calling thread the background thread? */
bool background_is_caller(void);
/* Called by the thread that runs a cycle, when the trace has ended. */
void background_traced(void);
void background_after_fork_child(void);

#endif
