/* thread: a thread of the endpoint's own. */
#ifndef WEIR_HTTP_THREAD_H
#define WEIR_HTTP_THREAD_H

#include <stdbool.h>
#include <stddef.h>

/* Start a detached thread with a stack of so many bytes. All signals are blocked in it but the collector's:
 * they are the program's. False, and errno: no thread could be created. */
bool thread_start_detached(void *(*run)(void *argument), size_t stack);

#endif
