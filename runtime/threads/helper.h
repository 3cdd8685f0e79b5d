/* helper: threads of the runtime that have a heap and may call functions of the program: for finalizers, and
 * for concurrent cycles. */
#ifndef WEIR_THREADS_HELPER_H
#define WEIR_THREADS_HELPER_H

#include <stdbool.h>

/* Get a heap, and block every signal of the calling thread except the one that stops it and the signals of
 * faults. False: there is no heap for it. */
bool helper_begin(void);

/* Start a detached thread. `main` calls helper_begin first: the thread does not inherit a full mask,
 * because the caller leaves signals unblocked that the program ignores. If it ends, it calls uncounted_ends
 * (runtime/os/uncounted.h). False: no thread could be created. */
bool helper_start(void *(*main)(void *argument), void *argument);

#endif
