/* mask: see mask.h. Direct system calls: interposed wrappers of the C library's functions do not see them. */
#include "runtime/os/mask.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"

/* The signal by which the C library has every thread change its user. setuid and its relatives wait until
 * each thread has handled it, and hold the lock for threads' stacks meanwhile. */
#ifdef __GLIBC__
enum { CHANGE_USER = 33 };
#else
enum { CHANGE_USER = 34 }; /* musl */
#endif

/* Block all signals except those that report what the thread itself did, the one above, and those in
 * `but`. */
static uint64_t block(uint64_t but)
{
    const uint64_t all = ~(OS_SIGNAL(SIGSEGV) | OS_SIGNAL(SIGBUS) | OS_SIGNAL(SIGFPE) | OS_SIGNAL(SIGILL) |
                           OS_SIGNAL(SIGTRAP) | OS_SIGNAL(SIGSYS) | OS_SIGNAL(CHANGE_USER) | but);
    uint64_t before = 0;
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    errno = saved;
    return before;
}

uint64_t os_block_signals(void)
{
    return block(0);
}

/* Does the kernel drop SIGCHLD as it is sent? It does so by default, too. False if that may not be asked. */
static bool no_child_is_heard_of(void)
{
    mask_action_t action;
    return filter_permits(FILTER_SIGNAL) &&
           syscall(SYS_rt_sigaction, SIGCHLD, NULL, &action, sizeof action.mask) == 0 &&
           (action.handler == SIG_DFL || action.handler == SIG_IGN);
}

uint64_t os_block_heard_signals(void)
{
    return block(no_child_is_heard_of() ? OS_SIGNAL(SIGCHLD) : 0);
}

void os_restore_signals(uint64_t before)
{
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    errno = saved;
}

uint64_t os_blocked_signals(void)
{
    uint64_t blocked = 0;
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof blocked);
    errno = saved;
    return blocked;
}

uint64_t os_pending_signals(void)
{
    uint64_t pending = 0;
    int saved = errno;
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    errno = saved;
    return pending;
}

void os_unblock_signal(int number)
{
    uint64_t set = OS_SIGNAL(number);
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof set);
    errno = saved;
}
