/* thread: a thread of the endpoint's own. */
#ifndef WEIR_HTTP_THREAD_H
#define WEIR_HTTP_THREAD_H

#include <stdbool.h>
#include <stddef.h>

/* Start a detached thread with a stack of so many bytes. It blocks all signals but the collector's, so that
 * the program's threads handle them. False, and errno: no thread could be created. */
bool thread_start_detached(void *(*run)(void *argument), size_t stack);

#endif
