/* shrinker: what the program has registered to give memory back when a limit cannot be held
 * (include/weir/control.h).
 *
 * A fixed table, without a lock: the functions are the program's, and may add and remove shrinkers
 * themselves. One runs on one thread at a time; a second thread that sheds passes it over.
 *
 *     FREE --> FILLED --> LISTENS --> LEAVING --> FREE
 *
 * A thread that runs one says so first and then looks whether it still listens; one that removes it says
 * LEAVING first and then looks whether it runs. So a function is never called after its removal has returned,
 * unless it removes itself. */
#ifndef WEIR_CYCLE_SHRINKER_H
#define WEIR_CYCLE_SHRINKER_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that it has given up, as it says; `wanted`: how many would do. */
typedef size_t shrinker_t(void *context, size_t wanted);

/* The lowest priority is called first; among equals, the first that came. False: there is no room. */
bool shrinker_add(shrinker_t *shrinker, void *context, int priority);
/* Nothing happens if there is none such. Waits for a thread that runs it, unless that is this one. */
void shrinker_remove(shrinker_t *shrinker, void *context);

/* Call them by priority, without a lock, until `excess` says 0: how many bytes are too many still. How many
 * have run; *bytes: what they say. */
size_t shrinker_run(size_t (*excess)(void), size_t *bytes);

/* In the child of a fork: other threads that ran one are gone. */
void shrinker_after_fork_child(void);

#endif
