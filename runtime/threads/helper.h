/* helper: threads of the runtime's own that have a heap and may call the program: for finalizers, for
 * collecting. */
#ifndef WEIR_THREADS_HELPER_H
#define WEIR_THREADS_HELPER_H

#include <stdbool.h>

/* Block every signal of the calling thread but the one that stops it, and faults. */
void helper_block_signals(void);

/* Detached. `main` calls helper_block_signals first: a signal that the program ignores is not blocked in the
 * caller, so the thread does not inherit all. False: there is none to be had. */
bool helper_start(void *(*main)(void *argument), void *argument);

#endif
