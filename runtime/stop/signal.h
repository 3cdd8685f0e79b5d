/* signal: the signal that stops a thread where it cannot be traced (tracer.h). All of this may be called in
 * signal handlers; errno is kept.
 *
 * The signal is SIGURG. It is ignored by default, so it kills neither a program that sets all signals to
 * their defaults nor one that exec has just begun. It is not a real-time signal, so it is delivered even when
 * the queue of signals is full. The program's own handler is called for every SIGURG that the runtime did not
 * send.
 */
#ifndef WEIR_STOP_SIGNAL_H
#define WEIR_STOP_SIGNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a thread was interrupted. */
typedef struct os_frame {
    uintptr_t stack;    /* its stack pointer */
    uintptr_t from, to; /* where its registers and its red zone are saved; equal: on its stack */
} os_frame_t;

int os_stop_signal(void);
/* Install the handler of the stop signal. Called before each use, with the same handler, because the program
 * may have replaced it. */
void os_on_stop_signal(void (*handler)(const os_frame_t *frame));
/* As sigaction for the stop signal, once the handler is installed: the program's action is noted, and the one
 * before it is given; `action` and `old` may be NULL. The program never sees weir's handler, or it would call
 * that as the handler before its own. False: weir's is not installed, and the kernel has the program's
 * action. Not for a child of vfork, which shares this memory. */
bool os_stop_signal_action(const struct sigaction *action, struct sigaction *old);
/* Has the handler ever been installed, or is the signal the only means that is allowed? */
bool os_stop_signal_is_used(void);
/* False: there is no such thread. */
bool os_signal_thread(int thread);
/* Has the thread ended? The kernel still knows an ended first thread until all others have ended, and any
 * other for a short time. */
bool os_thread_has_ended(int thread);
/* Does the thread block the stop signal at this moment? Reads a file of /proc. */
bool os_thread_blocks_signal(int thread);
/* Say on stderr, once, that a thread was waited for in vain: for how long, its number, its name, and why. */
void os_report_no_stop(int thread, uint64_t ns, const char *why);
/* Remove the stop signal from a set of signals that are about to be blocked or waited for. */
void os_mask_without_stop(sigset_t *set);
/* Unblock the stop signal in the calling thread. */
void os_unblock_stop_signal(void);

#endif
