/* signal: the signal that stops a thread, where tracing is not to be had (tracer.h). All of this may be
 * called in signal handlers; errno is kept.
 *
 * It is SIGURG. Its default is to be ignored: so a program that sets all signals to their defaults is not
 * killed, nor is one that exec has just begun; and, not being a real-time signal, it is delivered when the
 * queue of signals is full. What the program has for it is called for those that are not ours.
 */
#ifndef WEIR_STOP_SIGNAL_H
#define WEIR_STOP_SIGNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a thread was interrupted. */
typedef struct os_frame {
    uintptr_t stack; /* its stack pointer */
    uintptr_t from,
        to; /* what holds its registers, and the red zone below the pointer; equal: the stack does */
} os_frame_t;

int os_stop_signal(void);
/* Install the handler for it, the same each time, before each use: the program may have replaced it since. */
void os_on_stop_signal(void (*handler)(const os_frame_t *frame));
/* Has it ever been installed, or is it the one means that is allowed? */
bool os_stop_signal_is_used(void);
/* False: there is no such thread. */
bool os_signal_thread(int thread);
/* Has it ended? The first thread of a process is still there then, until all others have; another one is
 * about to be forgotten. */
bool os_thread_has_ended(int thread);
/* Does the thread block the stop signal at this moment? A file is read. */
bool os_thread_blocks_signal(int thread);
/* Say on stderr, once, that a thread was waited for in vain: for how long, its number, its name, and why. */
void os_report_no_stop(int thread, uint64_t ns, const char *why);
/* A change of a signal mask leaves the stop signal alone: take it out of the set. */
void os_mask_without_stop(sigset_t *set);
/* The calling thread no longer blocks it. */
void os_unblock_stop_signal(void);

#endif
