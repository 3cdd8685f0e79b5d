/* attach: the calling thread's heap. Declared here, where all that stops, counts and samples threads can name
 * it; defined in heap/thread.c, which knows every part of a heap (hooks.h).
 */
#ifndef WEIR_THREADS_ATTACH_H
#define WEIR_THREADS_ATTACH_H

#include "runtime/cells/cache.h"

/* The calling thread's heap; makes or adopts one. NULL: out of memory. */
heap_t *thread_heap(void);
/* Have the hook called on every thread that ends, once there is one, while its heap still works: it may free,
 * and not allocate. NULL until then. There is one such listener. */
void thread_call_at_end(void (*hook)(void));
/* After an operation of a thread that is past its end and runs other people's destructors: it borrowed a heap
 * for this one operation. Does nothing for any other thread. */
void thread_return_borrowed(void);

#endif
