/* mask: what reaches the calling thread: signals and cancellation, held off for a time. May be called in
 * signal handlers; errno is kept.
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

#endif
