/* shrinker: what the program has registered to give memory back when a limit cannot be held
 * (include/weir/control.h).
 *
 * A fixed table, without a lock: the functions are the program's, and may add and remove shrinkers
 * themselves. One runs on one thread at a time; a second thread that sheds passes it over.
 *
 *     FREE --> FILLED --> LISTENS --> LEAVING --> FREE
 *
 * A thread that runs a shrinker sets `runner` first and then checks that the state is LISTENS. A thread that
 * removes it sets LEAVING first and then waits until `runner` is 0. So when the removal returns the function
 * does not run any more, unless it has removed itself. */
#ifndef WEIR_CYCLE_SHRINKER_H
#define WEIR_CYCLE_SHRINKER_H

#include <stdbool.h>
#include <stddef.h>

/* Returns how many bytes it has given up. wanted: how many would be enough. */
typedef size_t shrinker_t(void *context, size_t wanted);

/* The lowest priority is called first; among equals, the first that came. False: there is no room. */
bool shrinker_add(shrinker_t *shrinker, void *context, int priority);
/* Does nothing if it was not added. Waits for a thread that runs it, unless that is this one. */
void shrinker_remove(shrinker_t *shrinker, void *context);

/* Call the shrinkers by priority, without a lock, until excess(), the number of bytes too many, returns 0.
 * Returns how many shrinkers have run; *bytes: the sum of what they returned. */
size_t shrinker_run(size_t (*excess)(void), size_t *bytes);

/* In the child of a fork: other threads that ran one are gone. */
void shrinker_after_fork_child(void);

#endif
