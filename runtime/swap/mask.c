/* mask: where a signal stops threads for the collector (threads/halt.h), it has to stay deliverable in a
 * program that knows nothing of it. So the functions that block signals, or wait for them, leave this signal
 * out of the set that they are given, and those that set its handler do not show weir's.
 *
 * Changing the mask has to work anywhere, also in a signal handler or between fork and exec. So the system
 * call is made directly, without looking up the C library's function. Like that function, ours leaves out the
 * two signals that the C library uses itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "runtime/stop/signal.h"
#include "runtime/swap/mask.h"
#include "runtime/swap/swap.h"
#include "runtime/swap/timed.h"
#include "runtime/threads/world.h"

enum { KERNEL_SET = 8 /* bytes */, LIBRARY_FIRST = 32, LIBRARY_LAST = 33 };

sigset_t mask_without_stop(const sigset_t *set)
{
    sigset_t rest = *set;
    if (options.collect && os_stop_signal_is_used())
        os_mask_without_stop(&rest);
    return rest;
}

/* By hand, since sigdelset refuses the C library's own signals. */
static void without_library(sigset_t *set)
{
    for (int number = LIBRARY_FIRST; number <= LIBRARY_LAST; number++)
        *(unsigned long *)(void *)set &= ~(1ul << (number - 1));
}

static int change_mask(int how, const sigset_t *set, sigset_t *old)
{
    sigset_t rest;
    if (set && how != SIG_UNBLOCK) {
        rest = mask_without_stop(set);
        without_library(&rest);
        set = &rest;
    }
    return syscall(SYS_rt_sigprocmask, how, set, old, KERNEL_SET) == 0 ? 0 : errno;
}

EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    int saved = errno, error = change_mask(how, set, old);
    errno = saved;
    return error;
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    int saved = errno, error = change_mask(how, set, old);
    errno = error ? error : saved;
    return error ? -1 : 0;
}

/* --- waiting --- */

#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

EXPORT int sigwait(const sigset_t *set, int *number)
{
    sigset_t rest = mask_without_stop(set);
    return NEXT(int (*)(const sigset_t *, int *), "sigwait")(&rest, number);
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    sigset_t rest = mask_without_stop(set);
    return NEXT(int (*)(const sigset_t *, siginfo_t *), "sigwaitinfo")(&rest, info);
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    sigset_t rest = mask_without_stop(set);
    return NEXT(int (*)(const sigset_t *, siginfo_t *, const struct timespec *), "sigtimedwait")(&rest, info,
                                                                                                 timeout);
}

EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
    sigset_t rest = mask_without_stop(set);
    return NEXT(int (*)(int, const sigset_t *, int), "signalfd")(fd, &rest, flags);
}

/* --- masks for the time of a call, or of a handler --- */

/* Other names that the C library has for its functions: a child of fork may call them, but may not look names
 * up. */
int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __sigsuspend(const sigset_t *set);

EXPORT int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *set)
{
    typedef int call(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    static call *_Atomic next;
    sigset_t rest;
    if (!next)
        next = NEXT(call *, "ppoll");
    if (set)
        rest = mask_without_stop(set);
    uint64_t before = timed_begin(timeout);
    int result = next(files, count, timeout, set ? &rest : NULL);
    timed_end(before);
    return result;
}

EXPORT int pselect(int count, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout,
                   const sigset_t *set)
{
    typedef int call(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
    static call *_Atomic next;
    sigset_t rest;
    if (!next)
        next = NEXT(call *, "pselect");
    if (set)
        rest = mask_without_stop(set);
    uint64_t before = timed_begin(timeout);
    int result = next(count, in, out, other, timeout, set ? &rest : NULL);
    timed_end(before);
    return result;
}

EXPORT int sigsuspend(const sigset_t *set)
{
    sigset_t rest = mask_without_stop(set);
    return __sigsuspend(&rest);
}

EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction changed;
    if (number == os_stop_signal() && !world_is_child() && os_stop_signal_action(action, old))
        return 0;
    if (action) {
        changed = *action;
        changed.sa_mask = mask_without_stop(&action->sa_mask);
    }
    return __sigaction(number, action ? &changed : NULL, old);
}

/* ssignal is the C library's other name for it. */
EXPORT __sighandler_t signal(int number, __sighandler_t handler)
{
    if (number != os_stop_signal())
        return ssignal(number, handler);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}
