/* tracer: see tracer.h. The caller's side. */
#include "runtime/stop/tracer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/futex.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/stop/tracer_task.h"
#include "runtime/stop/tracer_thread.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

enum { STACK = 16 * 1024 };

/* There is one task at a time. The thread that called tracer_hold owns this. */
static struct {
    char *stack; /* the runtime's own memory, not a root: the task leaves threads' registers on it */
    tracer_order_t order;
    _Atomic int task;       /* its number, kept if the program has reaped it; 0: there is none */
    bool lives;             /* it was made, and not reaped here */
    _Atomic uint32_t tasks; /* see tracer_tasks */
    uint64_t mask;          /* the caller's signal mask before */
} tracer;

/* --- may there be a task? --- */

static uint64_t inode_of(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? found.st_ino : 0;
}

/* If children go to a new namespace of process numbers, the task would become that namespace's init, and its
 * end would end the namespace. valgrind does not support such tasks. */
static bool is_possible(void)
{
    return !RUNNING_ON_VALGRIND &&
           inode_of("/proc/self/ns/pid") == inode_of("/proc/self/ns/pid_for_children");
}

/* Does Yama require the task to be named (PR_SET_PTRACER) before it may trace? It does if the scope is 1.
 * Until the task ends, the name replaces one that the program may have given. */
static bool has_to_be_named(void)
{
    static int known; /* 0: not asked yet */
    char scope[8];
    if (!known)
        known =
            file_read("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof scope) && scope[0] == '1' ? 1 : -1;
    return known > 0;
}

/* --- its life --- */

/* Wait for the end of the task. A thread of the program that waited for any child may have reaped it: then
 * the task's number is kept, for that thread to ask about (tracer_is_task). */
static void reap(void)
{
    long reaped;
    do
        reaped = syscall(SYS_wait4, tracer.task, NULL, __WALL, NULL);
    while (reaped < 0 && errno == EINTR);
    if (reaped > 0)
        tracer.task = 0;
    tracer.lives = false;
    atomic_fetch_add(&tracer.tasks, 1);
    os_restore_signals(tracer.mask);
}

static void advance(uint32_t stage)
{
    atomic_store(&tracer.order.stage, stage);
    os_futex_wake(&tracer.order.stage);
}

bool tracer_holds(void)
{
    siginfo_t info = {0};
    int saved = errno;
    bool lives = !tracer.lives || (syscall(SYS_waitid, P_PID, tracer.task, &info,
                                           WEXITED | WNOHANG | WNOWAIT | __WALL, NULL) == 0 &&
                                   info.si_pid == 0);
    errno = saved;
    return lives;
}

/* Wait until the task has held the threads. It does not wait for them longer than its timeout, but it may
 * have been killed, or wait in the kernel for a thread that is about to execute another program. False: it is
 * dead or about to be. */
static bool wait_until_held(uint64_t timeout_ns)
{
    enum { LOOK_NS = 20 * 1000 * 1000 };
    const uint64_t grace = 1000000000u, began = os_now_ns();
    while (atomic_load(&tracer.order.stage) == TRACER_STARTS) {
        if (os_futex_wait_for(&tracer.order.stage, TRACER_STARTS, LOOK_NS))
            continue;
        if (!tracer_holds())
            return false;
        if (os_now_ns() - began > timeout_ns + grace) {
            kill(tracer.task, SIGKILL);
            return false;
        }
    }
    return true;
}

static bool hold_threads(uint64_t timeout_ns)
{
    if (!tracer.stack && !(tracer.stack = os_take(STACK)))
        return false;
    bool named = has_to_be_named();
    tracer.order.stage = named ? TRACER_TO_WAIT : TRACER_STARTS;
    tracer.mask = os_block_heard_signals();
    atomic_fetch_add(&tracer.tasks, 1);
    long task = tracer_task_start(&tracer.order, tracer.stack + STACK);
    if (task < 0) {
        atomic_fetch_add(&tracer.tasks, 1);
        os_restore_signals(tracer.mask);
        return false;
    }
    tracer.task = (int)task;
    tracer.lives = true;
    if (named) {
        prctl(PR_SET_PTRACER, task, 0, 0, 0);
        advance(TRACER_STARTS);
    }
    if (wait_until_held(timeout_ns))
        return true;
    reap();
    return false;
}

bool tracer_hold(tracer_thread_t *threads, size_t count, tracer_judge *judge, uint64_t timeout_ns)
{
    int saved = errno;
    tracer.order = (tracer_order_t){
        .threads = threads, .count = count, .judge = judge, .timeout_ns = timeout_ns, .process = getpid()};
    for (size_t i = 0; i < count; i++)
        threads[i].state = TRACER_ASKED;
    bool held = is_possible() && hold_threads(timeout_ns);
    errno = saved;
    return held;
}

void tracer_release(void)
{
    int saved = errno;
    advance(TRACER_TO_END);
    reap();
    errno = saved;
}

bool tracer_is_task(int process)
{
    return process > 0 && process == atomic_load(&tracer.task);
}

void tracer_forget_task(int process)
{
    atomic_compare_exchange_strong(&tracer.task, &process, 0);
}

void tracer_after_fork_child(void)
{
    tracer.lives = false;
    tracer.task = 0;
    tracer.tasks += tracer.tasks & 1;
}

uint32_t tracer_tasks(void)
{
    return atomic_load(&tracer.tasks);
}
