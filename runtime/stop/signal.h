/* signal: the signal that stops a thread where it cannot be traced (tracer.h). All of this may be called in
 * signal handlers; errno is kept.
 *
 * The signal is SIGURG; or SIGWINCH, for a thread in which the program uses SIGURG (threads/stop_by.h). They
 * are ignored by default, so they kill neither a program that sets all signals to their defaults nor one that
 * exec has just begun. They are not real-time signals, so they are delivered even when the queue of signals
 * is full. The program's own handler is called for each one that the runtime did not send.
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

/* The usual one; the other one of the two; is it one of them? */
int os_stop_signal(void);
int os_other_stop_signal(int number);
bool os_is_stop_signal(int number);
/* Did the runtime send it? Perhaps: the queue of signals was full, and nothing is known of its sender. */
enum os_sender { OS_SENT, OS_PERHAPS_SENT, OS_NOT_SENT };
enum os_sender os_sender_of(const siginfo_t *info);
/* What the handler of a stop signal does. */
typedef struct os_stop_calls {
    void (*stop)(const os_frame_t *frame); /* the runtime sent the signal */
    /* It did not. True: the program would have it blocked in this thread, and from now on it is, in place of
     * the other one. The mask changes when the handler returns, and the signal is sent again. */
    bool (*swap)(int number, uint64_t blocked);
} os_stop_calls_t;
/* Install the handler of a stop signal. Called before each use, with the same calls, because the program may
 * have replaced the handler. */
void os_on_stop_signal(int number, const os_stop_calls_t *calls);
/* As sigaction for a stop signal, once the handler is installed: the program's action is noted, and the one
 * before it is given; `action` and `old` may be NULL. The program never sees weir's handler, or it would call
 * that as the handler before its own. False: weir's is not installed, and the kernel has the program's
 * action. Not for a child of vfork, which shares this memory. */
bool os_stop_signal_action(int number, const struct sigaction *action, struct sigaction *old);
/* Has the handler ever been installed, or is the signal the only means that is allowed? */
bool os_stop_signal_is_used(void);
/* Send a stop signal. False: there is no such thread. */
bool os_signal_thread(int thread, int number);
/* Has the thread ended? The kernel still knows an ended first thread until all others have ended, and any
 * other for a short time. */
bool os_thread_has_ended(int thread);
/* The signals that the thread blocks at this moment, signal 1 is bit 0. Reads a file of /proc. */
uint64_t os_thread_blocked_signals(int thread);
/* Say on stderr, once, that a thread was waited for in vain: for how long, its number, its name, and why. */
void os_report_no_stop(int thread, uint64_t ns, const char *why);

#endif
