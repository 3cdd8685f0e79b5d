/* mask: signals and cancellation, held off from the calling thread for a time. May be called in signal
 * handlers; errno is kept.
 */
#ifndef WEIR_OS_MASK_H
#define WEIR_OS_MASK_H

#include <pthread.h>
#include <stdint.h>

/* As rt_sigaction has it. */
typedef struct mask_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
} mask_action_t;

/* Block every signal of the calling thread except those that report what the thread itself did (SIGSEGV,
 * SIGTRAP and their like: if one of them came while blocked, the kernel would end the process), and the one
 * that setuid of the C library sends to all threads. Returns the old mask, for os_restore_signals. Interposed
 * wrappers of the calls for masks are bypassed. */
uint64_t os_block_signals(void);
/* The same, but an ignored SIGCHLD is not blocked: if it were, the kernel would not drop it but send it to
 * another thread, and interrupt the system call which that thread waits in. If another thread, which the
 * caller has not stopped yet, installs a handler for it, the handler may run on this thread. */
uint64_t os_block_heard_signals(void);
void os_restore_signals(uint64_t before);
/* The signals that the calling thread blocks; those that are pending, for it or for the process. Unblock one.
 * Signal 1 is bit 0 of a set. */
#define OS_SIGNAL(number) ((uint64_t)1 << ((number)-1))
uint64_t os_blocked_signals(void);
uint64_t os_pending_signals(void);
void os_unblock_signal(int number);
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

#endif
