/* background: the thread that runs cycles which are to go on beside the program, so that no thread of the
 * program has to.
 *
 *     idle --asked--> asked --runs a cycle--> its trace has ended: settling --the cycle has ended--> idle
 *
 * It is made when it is first asked, and again after a fork. A thread that allocates more than the cycle was
 * to leave waits for the end of its trace; never while the cycle settles, when it calls the program.
 */
#ifndef WEIR_GC_CYCLE_BACKGROUND_H
#define WEIR_GC_CYCLE_BACKGROUND_H

#include <stdbool.h>

/* Have run_cycle called on the thread. False: it is not idle, or there is none: then the caller does
 * it. */
bool background_ask(void (*run_cycle)(void));
/* Has it been asked for a cycle whose trace has not ended? */
bool background_is_asked(void);
/* Wait until it has. */
void background_wait(void);
/* Is it idle, or none? Until then its frames, which are scanned as any thread's, may hold what it has
 * marked. */
bool background_is_at_rest(void);
/* By the thread that runs a cycle, when the trace has ended. */
void background_traced(void);
void background_after_fork_child(void);

#endif
