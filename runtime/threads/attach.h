/* attach: the calling thread's heap. Declared here for the code that stops, counts and samples threads;
 * defined in heap/thread.c, which knows every part of a heap (hooks.h).
 */
#ifndef WEIR_THREADS_ATTACH_H
#define WEIR_THREADS_ATTACH_H

#include "runtime/cells/cache.h"

/* The calling thread's heap; makes or adopts one. NULL: out of memory. */
heap_t *thread_heap(void);
/* Set the one function that every thread calls when it ends, while its heap still works. It may free, but not
 * allocate. */
void thread_call_at_end(void (*hook)(void));
/* Called after each operation. A thread that is past its end, and still runs destructors of the program,
 * borrows a heap for each operation and gives it back here. Does nothing for any other thread. */
void thread_return_borrowed(void);

#endif
