/* waits: blocking calls in which the program could notice a stop of its threads.
 *
 * A call with a timeout that Linux does not restart by itself is restarted with the time that is left
 * (stop/tracer_again.c). For that the thread notes when the timeout will be over. During a stop, the task
 * that holds the threads is a child of the process; a wait for children of all kinds (__WALL, __WCLONE) is
 * kept from reporting it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/stop/tracer.h"
#include "runtime/swap/mask.h"
#include "runtime/swap/swap.h"
#include "runtime/swap/timed.h"

#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

/* --- timeouts --- */

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    typedef int call(int, struct epoll_event *, int, int);
    static call *_Atomic next;
    if (!next)
        next = NEXT(call *, "epoll_wait");
    uint64_t before = timed_begin_ms(timeout);
    int result = next(epoll, events, most, timeout);
    timed_end(before);
    return result;
}

EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask)
{
    typedef int call(int, struct epoll_event *, int, int, const sigset_t *);
    static call *_Atomic next;
    sigset_t room;
    if (!next)
        next = NEXT(call *, "epoll_pwait");
    stop_by_t stop_by = mask_begin(&mask, &room);
    uint64_t before = timed_begin_ms(timeout);
    int result = next(epoll, events, most, timeout, mask);
    timed_end(before);
    stop_by_block_end(stop_by);
    return result;
}

EXPORT int semtimedop(int set, struct sembuf *operations, size_t count, const struct timespec *timeout)
{
    typedef int call(int, struct sembuf *, size_t, const struct timespec *);
    static call *_Atomic next;
    if (!next)
        next = NEXT(call *, "semtimedop");
    uint64_t before = timed_begin(timeout);
    int result = next(set, operations, count, timeout);
    timed_end(before);
    return result;
}

/* Another name that the C library has for select: it may be called in a signal handler, where a look-up is
 * not safe. */
extern int __select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout);

EXPORT int select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout)
{
    uint64_t before = timed_begin_timeval(timeout);
    int result = __select(count, in, out, other, timeout);
    timed_end(before);
    return result;
}

/* --- children --- */

static bool may_see_task(int how)
{
    return how & (__WALL | __WCLONE);
}

/* Wait until there is no task; returns what tracer_tasks says then. Gives up after a second: a bare clone
 * runs no fork handlers, so its child may have copied an odd count, which never changes there. */
static uint32_t await_no_task(int how)
{
    const uint64_t second = 1000000000u;
    uint64_t began = 0;
    uint32_t tasks = 0;
    while (may_see_task(how) && (tasks = tracer_tasks()) & 1) {
        uint64_t now = os_now_ns();
        began = began ? began : now;
        if (now - began > second)
            break;
        os_yield();
    }
    return tasks;
}

/* Is the result due to the task? Either the call reports the task; or it reports that there are children
 * without news, and the task came or went meanwhile. */
static bool is_due_to_task(int how, pid_t child, uint32_t tasks)
{
    if (!may_see_task(how) || child < 0)
        return false;
    if (child == 0)
        return tracer_tasks() != tasks;
    if (!tracer_is_task(child))
        return false;
    if (!(how & WNOWAIT))
        tracer_forget_task(child);
    return true;
}

EXPORT pid_t wait4(pid_t which, int *status, int how, struct rusage *usage)
{
    typedef pid_t call(pid_t, int *, int, struct rusage *);
    static call *_Atomic next;
    if (!next)
        next = NEXT(call *, "wait4");
    uint32_t tasks;
    pid_t child;
    do {
        tasks = await_no_task(how);
        child = next(which, status, how, usage);
    } while (is_due_to_task(how, child, tasks));
    return child;
}

/* Another name that the C library has for waitpid: signal handlers may call it, but may not look names up. */
pid_t __waitpid(pid_t which, int *status, int how);

EXPORT pid_t waitpid(pid_t which, int *status, int how)
{
    uint32_t tasks;
    pid_t child;
    do {
        tasks = await_no_task(how);
        child = __waitpid(which, status, how);
    } while (is_due_to_task(how, child, tasks));
    return child;
}

EXPORT int waitid(idtype_t type, id_t which, siginfo_t *info, int how)
{
    typedef int call(idtype_t, id_t, siginfo_t *, int);
    static call *_Atomic next;
    siginfo_t own;
    if (!next)
        next = NEXT(call *, "waitid");
    info = info ? info : &own;
    uint32_t tasks;
    int result;
    do {
        tasks = await_no_task(how);
        info->si_pid = 0;
        result = next(type, which, info, how);
    } while (is_due_to_task(how, result == 0 ? info->si_pid : -1, tasks));
    return result;
}
