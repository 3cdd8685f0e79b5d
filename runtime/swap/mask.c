/* mask: where a signal stops threads for the collector (threads/halt.h), it has to stay deliverable in a
 * program that knows nothing of it. So the functions that block signals, or wait for them, see to it that
 * each thread has one such signal open (threads/stop_by.h), and those that set a handler do not show weir's.
 *
 * Changing the mask has to work anywhere, also in a signal handler or between fork and exec. So the system
 * call is made directly, without looking up the C library's function. Like that function, ours leaves out the
 * two signals that the C library uses itself.
 */
#include "runtime/swap/mask.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/mask.h"
#include "runtime/stop/signal.h"
#include "runtime/swap/swap.h"
#include "runtime/swap/timed.h"
#include "runtime/threads/world.h"

enum { KERNEL_SET = 8 /* bytes */, LIBRARY_FIRST = 32, LIBRARY_LAST = 33 };

static uint64_t word_of(const sigset_t *set)
{
    return *(const uint64_t *)(const void *)set;
}

/* The rest of a set means nothing to the kernel. */
static void set_word(sigset_t *set, uint64_t word)
{
    *(uint64_t *)(void *)set = word;
}

/* --- the thread's mask --- */

static int kernel_mask(int how, const uint64_t *set, sigset_t *old)
{
    return syscall(SYS_rt_sigprocmask, how, set, old, KERNEL_SET) == 0 ? 0 : errno;
}

/* `old` is what the program believes. */
static int change_stoppable(int how, const uint64_t *set, sigset_t *old)
{
    uint64_t seen = os_blocked_signals();
    int hidden = stop_by_hidden(seen), error = 0;
    seen |= hidden ? OS_SIGNAL(hidden) : 0;
    if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
        return EINVAL;
    if (set) {
        uint64_t kept = how == SIG_SETMASK ? 0 : seen;
        uint64_t real = stop_by_block(how == SIG_UNBLOCK ? kept & ~*set : kept | *set);
        error = kernel_mask(SIG_SETMASK, &real, NULL);
    }
    if (old)
        set_word(old, seen);
    return error;
}

static int change_mask(int how, const sigset_t *set, sigset_t *old)
{
    uint64_t word = set ? word_of(set) : 0;
    if (how != SIG_UNBLOCK)
        word &= ~(OS_SIGNAL(LIBRARY_FIRST) | OS_SIGNAL(LIBRARY_LAST));
    return (stop_by_is_heeded() ? change_stoppable : kernel_mask)(how, set ? &word : NULL, old);
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

/* The set may have the signal that stops the thread: then the call takes it, and no handler runs. */
static int without_stop(int number, const siginfo_t *info)
{
    if (number < 0 || !stop_by_took(info))
        return number;
    errno = EINTR;
    return -1;
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    siginfo_t own;
    info = info ? info : &own;
    stop_by_use(word_of(set));
    return without_stop(NEXT(int (*)(const sigset_t *, siginfo_t *), "sigwaitinfo")(set, info), info);
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    typedef int call(const sigset_t *, siginfo_t *, const struct timespec *);
    siginfo_t own;
    info = info ? info : &own;
    stop_by_use(word_of(set));
    return without_stop(NEXT(call *, "sigtimedwait")(set, info, timeout), info);
}

EXPORT int sigwait(const sigset_t *set, int *number)
{
    int saved = errno, found, error;
    do {
        found = sigwaitinfo(set, NULL);
        error = errno;
    } while (found < 0 && error == EINTR);
    errno = saved;
    if (found < 0)
        return error;
    *number = found;
    return 0;
}

EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
    sigset_t rest = *set;
    set_word(&rest, stop_by_read(word_of(set)));
    return NEXT(int (*)(int, const sigset_t *, int), "signalfd")(fd, &rest, flags);
}

/* --- masks for the time of a call, or of a handler --- */

/* Other names that the C library has for its functions: a child of fork may call them, but may not look names
 * up. */
int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __sigsuspend(const sigset_t *set);

stop_by_t mask_begin(const sigset_t **set, sigset_t *room)
{
    if (!*set)
        return (stop_by_t){0, false};
    uint64_t word = word_of(*set);
    stop_by_t before = stop_by_block_begin(&word);
    *room = **set;
    set_word(room, word);
    *set = room;
    return before;
}

EXPORT int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *set)
{
    typedef int call(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    static call *_Atomic next;
    sigset_t room;
    if (!next)
        next = NEXT(call *, "ppoll");
    stop_by_t stop_by = mask_begin(&set, &room);
    uint64_t before = timed_begin(timeout);
    int result = next(files, count, timeout, set);
    timed_end(before);
    stop_by_block_end(stop_by);
    return result;
}

EXPORT int pselect(int count, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout,
                   const sigset_t *set)
{
    typedef int call(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
    static call *_Atomic next;
    sigset_t room;
    if (!next)
        next = NEXT(call *, "pselect");
    stop_by_t stop_by = mask_begin(&set, &room);
    uint64_t before = timed_begin(timeout);
    int result = next(count, in, out, other, timeout, set);
    timed_end(before);
    stop_by_block_end(stop_by);
    return result;
}

EXPORT int sigsuspend(const sigset_t *set)
{
    sigset_t room;
    stop_by_t before = mask_begin(&set, &room);
    int result = __sigsuspend(set);
    stop_by_block_end(before);
    return result;
}

static bool has_handler(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction changed;
    if (action && os_is_stop_signal(number) && has_handler(action))
        stop_by_use(OS_SIGNAL(number));
    if (os_is_stop_signal(number) && !world_is_child() && os_stop_signal_action(number, action, old))
        return 0;
    if (action) {
        changed = *action;
        set_word(&changed.sa_mask, stop_by_handler_mask(word_of(&action->sa_mask)));
    }
    return __sigaction(number, action ? &changed : NULL, old);
}

/* ssignal is the C library's other name for it. */
EXPORT __sighandler_t signal(int number, __sighandler_t handler)
{
    if (!os_is_stop_signal(number))
        return ssignal(number, handler);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}
