/* helper: threads of the runtime's own that have a heap and may call the program: for finalizers, for
 * collecting. */
#ifndef WEIR_COLLECT_HELPER_H
#define WEIR_COLLECT_HELPER_H

#include <signal.h>
#include <stdbool.h>

/* Block every signal of the calling thread but the one that stops it, and faults; `old`: what was blocked. */
void helper_block_signals(sigset_t *old);

/* Detached; it blocks signals as above. False: there is none to be had. */
bool helper_start(void *(*main)(void *argument), void *argument);

#endif
