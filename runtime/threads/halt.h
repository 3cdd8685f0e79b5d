/* halt: the two means of stopping the threads of the world (world.h).
 *
 *     tracer   a task holds them (stop/tracer.h). Nothing of the program sees it: no signal, no handler, no
 *              early return
 *     signal   the handler of stop/signal.h, where there may be no tracer: under a debugger or strace, where
 *              the kernel's settings or a filter of system calls forbid it, when the process may have no
 *              further task
 *
 * Those that run in a section are waited for in both. WEIR_DEBUG=stop chooses one for good.
 */
#ifndef WEIR_THREADS_HALT_H
#define WEIR_THREADS_HALT_H

#include <stdbool.h>

#include "runtime/stop/signal.h"

/* Room for what has to be noted of each thread is made before the stop, and asked for once no thread may come
 * any more. False: there is none to be had. */
bool halt_make_room(void);
bool halt_has_room(void);
/* All threads stand still, or none does any more. In the stop. */
bool halt_all(void (*at_signal)(const os_frame_t *frame));
void halt_end(void);
/* Since halt_all. */
bool halt_holds(void);
/* May a thread go on a little before it stops, in the C library with all signals blocked? It touches no
 * object that is collected, but may unmap memory that holds none. */
bool halt_has_loose_thread(void);
void halt_after_fork_child(void);

#endif
