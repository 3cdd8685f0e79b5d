/* strangers: threads of the process that the stop of the world (world.h) does not know.
 *
 * The kernel counts all threads. The stop knows those that have a heap, and the mark workers. In collect mode
 * a new thread runs until it asks for a heap, and an ending one after it has given its heap back. A thread
 * that the program made by the system call may never ask for one. The first thread, once it has ended by
 * pthread_exit, counts as a stranger, too.
 */
#ifndef WEIR_THREADS_STRANGERS_H
#define WEIR_THREADS_STRANGERS_H

#include <stdbool.h>

/* In a stopped world of collect mode: does such a thread run? If not, none does until the world starts, since
 * only a thread that runs could make one. True also if the kernel does not tell. */
bool strangers_run(void);

#endif
