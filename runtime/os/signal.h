/* signal: the signal that stops a thread where it cannot be traced (tracer.h), and where the stack of a
 * thread lies. All of this may be called in signal handlers; errno is kept.
 *
 * The signal is SIGURG. It is ignored by default, so it kills neither a program that sets all signals to
 * their defaults nor one that exec has just begun. It is not a real-time signal, so it is delivered even when
 * the queue of signals is full. The program's own handler is called for every SIGURG that the runtime did not
 * send.
 */
#ifndef WEIR_OS_SIGNAL_H
#define WEIR_OS_SIGNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a thread was interrupted. */
typedef struct os_frame {
    uintptr_t stack;    /* its stack pointer */
    uintptr_t from, to; /* where its registers and its red zone are saved; equal: on its stack */
} os_frame_t;

int os_stop_signal(void);
/* Install the handler for it, the same each time, before each use: the program may have replaced it since. */
void os_on_stop_signal(void (*handler)(const os_frame_t *frame));
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
/* Take the stop signal out of a set that a signal mask is about to be changed by, so that the change leaves
 * it alone. */
void os_mask_without_stop(sigset_t *set);
/* Block every signal of the calling thread except those that report what the thread itself did (SIGSEGV,
 * SIGTRAP and their like: if one of them came while blocked, the kernel would end the process). Returns the
 * old mask, for os_restore_signals. Interposed wrappers of the calls for masks are bypassed. */
uint64_t os_block_signals(void);
/* The same, but an ignored SIGCHLD is not blocked: if it were, the kernel would not drop it but send it to
 * another thread, and interrupt the system call which that thread waits in. If another thread installs a
 * handler for it between this call and the stop, the handler may run on this thread. */
uint64_t os_block_heard_signals(void);
void os_restore_signals(uint64_t before);
/* Disable cancellation of the calling thread, until the result is passed to os_cancel_restore. For calls of
 * the program's functions by the runtime: a thread that is cancelled in one would never return to the
 * runtime. */
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
/* Unblock the stop signal in the calling thread. */
void os_unblock_stop_signal(void);
int os_thread_id(void);
/* How many threads the kernel counts in this process; 0 where /proc cannot be read. */
uint32_t os_thread_count(void);
int os_process_id(void);
/* The calling thread's number as the C library knows it, without a system call except the first time. Not
 * valid in a child of vfork. */
int os_own_thread(void);
/* Is the caller the thread that the process began with? Not valid in a child of vfork. */
bool os_is_first_thread(void);
/* Called in the child of a fork. */
void os_note_process(void);

/* The upper end of the calling thread's stack. The stack of the first thread includes the pointers to the
 * arguments and the environment, any other one the thread's thread-local memory. */
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
