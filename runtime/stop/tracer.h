/* tracer: stops ("holds") other threads of this process by a task that traces them. It needs no signal, and
 * no mask or handler of the program can prevent it.
 *
 * The task shares memory and files with the process, but is not a thread of it: the kernel lets no thread
 * trace another thread of its own process. It lives from tracer_hold to tracer_release. During that time the
 * caller's signals are blocked, except those that os_block_heard_signals leaves (os/mask.h):
 *
 *     caller                    the task                                a thread
 *     clone, wait               PTRACE_SEIZE, PTRACE_INTERRUPT, wait    stops on its way out of the kernel
 *     work on what is held      note its registers                      is held
 *     "release", wait           ends, by which the kernel lets all go   goes on; a system call begins again
 *
 * The stop interrupts system calls. The task restarts those that the kernel does not restart by itself
 * (tracer_call_t). For a call that the kernel restarts with the time that was left at the stop (select), the
 * task subtracts the length of the stop from that time. A signal that arrives meanwhile stays pending, or
 * puts the thread into a signal-delivery-stop; it is delivered when the task ends. Modelled on the tracer of
 * LeakSanitizer (compiler-rt, sanitizer_stoptheworld_linux_libcdep.cpp), which works by signals.
 *
 * This folder: the two means of making another thread of the process stand still: a task that traces it, and
 * a signal.
 */
#ifndef WEIR_STOP_TRACER_H
#define WEIR_STOP_TRACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/stop/tracer_thread.h"

/* Hold all of the threads. When a thread has stopped, the task calls `judge`, which says what becomes of the
 * thread: TRACER_HELD, _BUSY or _GONE. `judge` may only read. A thread that has not stopped after
 * `timeout_ns` becomes TRACER_DEAF. False: no task could be made, or it has died; no thread is held. True:
 * the state of each thread is known, and the caller has to call tracer_release; until then its signals are
 * blocked. One caller at a time. */
bool tracer_hold(tracer_thread_t *threads, size_t count, tracer_judge *judge, uint64_t timeout_ns);
void tracer_release(void);
/* Is the task alive, so that the threads are still held? Another process may have killed it. */
bool tracer_holds(void);

/* Is it the number of the task? Also true if a thread of the program has reaped the task by a wait for any
 * child (__WALL). */
bool tracer_is_task(int process);
/* Called when a wait of the program's has reaped the task: another child may get its number from now on. */
void tracer_forget_task(int process);
/* Called in the child of a fork: a task of the parent's is not one of its children. */
void tracer_after_fork_child(void);
/* Twice the number of tasks so far; odd while there is one. */
uint32_t tracer_tasks(void);

#endif
