/* halt: the two means of stopping the threads of the world (world.h).
 *
 *     tracer   a task holds them (stop/tracer.h). Nothing of the program sees it: no signal, no handler, no
 *              early return
 *     signal   the handler of stop/signal.h, where there may be no tracer: under a debugger or strace, where
 *              the kernel's settings or a filter of system calls forbid it, when the process may have no
 *              further task
 *
 * In both, a thread in a no-stop section is waited for. WEIR_DEBUG=stop fixes the choice.
 */
#ifndef WEIR_THREADS_HALT_H
#define WEIR_THREADS_HALT_H

#include <stdbool.h>

#include "runtime/stop/signal.h"

/* Before the stop: allocate what is noted of each thread. False: out of memory. */
bool halt_make_room(void);
/* Once no more threads may get a heap: is there room for all? */
bool halt_has_room(void);
/* With world_stopping set: stop all threads. at_signal: the handler of the stop signal. True: all stand
 * still, until halt_end. False: one could not be stopped, and the caller starts the world again. */
bool halt_all(void (*at_signal)(const os_frame_t *frame));
void halt_end(void);
/* Have all threads stood still since halt_all? */
bool halt_holds(void);
/* May some thread still run, in the C library with all signals blocked, before it stops? It touches no
 * collected object, but may unmap memory that holds none. */
bool halt_has_loose_thread(void);
void halt_after_fork_child(void);

#endif
