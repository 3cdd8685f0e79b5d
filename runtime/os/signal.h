/* signal: the signal that stops a thread, and where the thread's stack is. All of this may be called in signal handlers;
 * errno is kept. */
#ifndef WEIR_OS_SIGNAL_H
#define WEIR_OS_SIGNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

int os_stop_signal(void);
/* The handler for the stop signal, the same each time. It runs on the stack of the thread. */
void os_on_stop_signal(void (*handler)(void));
/* False: there is no such thread. */
bool os_signal_thread(int thread);
/* The first thread of a process may have ended and still be there to be signalled, until all others have. */
bool os_thread_is_zombie(int thread);
/* Does the thread block the stop signal at this moment? A file is read. */
bool os_thread_blocks_signal(int thread);
/* Say on stderr that it does, for so many nanoseconds: its number and its name. */
void os_report_blocked(int thread, uint64_t ns);
/* A change of a signal mask leaves the stop signal alone: take it out of the set. */
void os_mask_without_stop(sigset_t *set);
/* The calling thread no longer blocks it. */
void os_unblock_stop_signal(void);
int os_thread_id(void);
/* Is the caller the thread that the process began with? */
bool os_is_first_thread(void);

/* Where the calling thread's stack ends; of all threads but the first that includes its thread-local memory. */
uintptr_t os_stack_end(void);
/* Bytes above the thread pointer that belong to the C library's record of a thread. */
enum { OS_THREAD_RECORD = 2304 };

#endif
