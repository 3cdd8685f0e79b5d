/* helper: threads of the runtime that have a heap and may call functions of the program: for finalizers, and
 * for concurrent cycles. */
#ifndef WEIR_THREADS_HELPER_H
#define WEIR_THREADS_HELPER_H

#include <stdbool.h>

/* Block every signal of the calling thread except the stop signal and the signals of faults. */
void helper_block_signals(void);

/* Start a detached thread. `main` calls helper_block_signals first: the thread does not inherit a full mask,
 * because the caller leaves signals unblocked that the program ignores. If it ends, it calls uncounted_ends
 * (runtime/os/uncounted.h). False: no thread could be created. */
bool helper_start(void *(*main)(void *argument), void *argument);

#endif
