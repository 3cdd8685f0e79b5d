/* signal: the signal that stops a thread, where tracing is not to be had (tracer.h), and where the thread's
 * stack is. All of this may be called in signal handlers; errno is kept.
 *
 * It is SIGURG. Its default is to be ignored: so a program that sets all signals to their defaults is not
 * killed, nor is one that exec has just begun; and, not being a real-time signal, it is delivered when the
 * queue of signals is full. What the program has for it is called for those that are not ours.
 */
#ifndef WEIR_STOP_SIGNAL_H
#define WEIR_STOP_SIGNAL_H

#include <pthread.h>
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
/* Block every signal of the calling thread but those that tell of what it did itself (SIGSEGV, SIGTRAP and
 * their like: the kernel would end the process), past wrappers of the calls for masks: what it has blocked
 * before, to be given back. */
uint64_t os_block_signals(void);
/* All but SIGCHLD, if that is ignored: blocked, it would not be dropped but go to another thread, and cut
 * short what that waits in. A handler that another thread installs between this and the stop may run here. */
uint64_t os_block_heard_signals(void);
void os_restore_signals(uint64_t before);
/* The calling thread is not cancelled until the result is given back. For functions of the program that the
 * runtime calls: a thread that is cancelled in one never comes back to what it was doing. */
static inline int os_cancel_off(void)
{
    int before = PTHREAD_CANCEL_ENABLE;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}
static inline void os_cancel_restore(int before)
{
    (void)pthread_setcancelstate(before, NULL);
}
/* The calling thread no longer blocks it. */
void os_unblock_stop_signal(void);
int os_thread_id(void);
/* How many threads the kernel counts in this process; 0 where /proc cannot be read. */
uint32_t os_thread_count(void);
int os_process_id(void);
/* The calling thread's number as the C library knows it: no system call, but for the first time. Not in a
 * child of vfork. */
int os_own_thread(void);
/* Is the caller the thread that the process began with? Likewise. */
bool os_is_first_thread(void);
/* In the child of a fork. */
void os_note_process(void);

/* Where the calling thread's stack ends. Of the first thread that includes the pointers to the arguments and
 * the environment, of all others their thread-local memory. */
uintptr_t os_stack_end(void);
/* Where the kernel has put the number of the program's arguments: the arguments lie above it, the first stack
 * below. */
const uintptr_t *os_first_stack_start(void);
/* Bytes above the thread pointer that belong to the C library's record of a thread. */
#ifdef __GLIBC__
enum { OS_THREAD_RECORD = 2304 };
#else
enum { OS_THREAD_RECORD = 192 };
#endif

#endif
