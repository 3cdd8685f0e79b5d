/* tracer: holding other threads of this process by a task that traces them; no signal, no mask and no handler
 * plays a part.
 *
 * The task shares memory and files with the process and is no thread of it: the kernel lets no thread trace
 * another of its own process. It lives from tracer_hold to tracer_release, in which time all signals of the
 * caller are blocked:
 *
 *     caller                    the task                                a thread
 *     clone, wait               PTRACE_SEIZE, PTRACE_INTERRUPT, wait    stops on its way out of the kernel
 *     work on what is held      note its registers                      is held
 *     "release", wait           ends, by which the kernel lets all go   goes on; a system call begins again
 *
 * What the kernel does not begin again by itself after such a stop, the task has begun again (tracer_call_t).
 * What it begins again with the time that was left at the stop (select), the task makes shorter by the stop.
 * Signals that come meanwhile wait, or hold the thread by themselves, and are delivered when the task ends.
 * After the tracer of LeakSanitizer (compiler-rt, sanitizer_stoptheworld_linux_libcdep.cpp), which works by
 * signals.
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

/* Hold all of them. `judge` is asked by the task of each that has stopped what becomes of it: TRACER_HELD,
 * _BUSY or _GONE; it may only read. After `timeout_ns` those that have not stopped are deaf. False: there is
 * no task to be had, or it has died; no thread is held. Else the state of each is known, and tracer_release
 * is due. One at a time; the calling thread's signals are blocked until then. */
bool tracer_hold(tracer_thread_t *threads, size_t count, tracer_judge *judge, uint64_t timeout_ns);
void tracer_release(void);
/* Does the task live, and so hold what it has held? A process that may kill this one may kill it. */
bool tracer_holds(void);

/* Is it the number of the task, or of one that a thread which waits for any child (__WALL) has reaped instead
 * of this module? */
bool tracer_is_task(int process);
/* A wait of the program's has reaped the task: its number may be another child's from now on. */
void tracer_forget_task(int process);
/* In the child of a fork: a task of the parent's is none of its children. */
void tracer_after_fork_child(void);
/* How many tasks there were, twice: odd while there is one. */
uint32_t tracer_tasks(void);

#endif
