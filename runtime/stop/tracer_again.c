/* tracer_again: restarts system calls that a stop interrupts with EINTR and that the kernel does not restart
 * (signal(7): "interrupted by stop signals"). In place of EINTR the task writes the result by which a call
 * tells the kernel to restart it, unless a handler is to run (ERESTARTNOHAND): then the program gets EINTR,
 * be the signal pending already or sent while the thread is held. A relative timeout would begin anew, so
 * the task replaces it by the time that is left:
 *
 *     a pointer to a timespec      points to one in the thread's tracer_call_t from then on
 *     milliseconds in a register   are reduced; the upper half of the register, which the kernel ignores,
 *                                  gets a mark
 *     SO_RCVTIMEO, SO_SNDTIMEO     is not changed; the descriptor's register gets the same mark
 *
 * These marks tell a call that is interrupted again from a new one. If the time is over, the call returns
 * what it returns on a timeout. Calls that must not be restarted (close) are not.
 */
#include "runtime/stop/tracer_task.h"

#ifdef __x86_64__

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "runtime/os/mask.h"
#include "runtime/os/os.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_io_uring_enter
#define SYS_io_uring_enter 426
#endif

/* Results of calls that no program ever sees: ERESTARTNOHAND, ERESTART_RESTARTBLOCK. */
enum { RESTART_NO_HANDLER = 514, RESTART_BLOCK = 516 };

enum timeout { NO_TIMEOUT, MILLISECONDS, TIMESPEC, RECEIVE, SEND };

#define AT(name) offsetof(struct user_regs_struct, name)

static const struct again {
    long number;
    enum timeout timeout;
    size_t at;    /* its register */
    long is_over; /* the result when the time is over */
} calls[] = {
    {SYS_epoll_wait, MILLISECONDS, AT(r10), 0},
    {SYS_epoll_pwait, MILLISECONDS, AT(r10), 0},
    {SYS_epoll_pwait2, TIMESPEC, AT(r10), 0},
    {SYS_rt_sigtimedwait, TIMESPEC, AT(rdx), -EAGAIN},
    {SYS_semtimedop, TIMESPEC, AT(r10), -EAGAIN},
    {SYS_semop, NO_TIMEOUT, 0, 0},
    {SYS_io_getevents, TIMESPEC, AT(r8), 0},
    {SYS_io_pgetevents, TIMESPEC, AT(r8), 0},
    {SYS_io_uring_enter, NO_TIMEOUT, 0, 0},
    {SYS_read, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_readv, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_recvfrom, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_recvmsg, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_recvmmsg, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_accept, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_accept4, RECEIVE, AT(rdi), -EAGAIN},
    {SYS_write, SEND, AT(rdi), -EAGAIN},
    {SYS_writev, SEND, AT(rdi), -EAGAIN},
    {SYS_sendto, SEND, AT(rdi), -EAGAIN},
    {SYS_sendmsg, SEND, AT(rdi), -EAGAIN},
    {SYS_sendmmsg, SEND, AT(rdi), -EAGAIN},
    {SYS_connect, SEND, AT(rdi), -EINPROGRESS},
    {SYS_msgrcv, NO_TIMEOUT, 0, 0},
    {SYS_msgsnd, NO_TIMEOUT, 0, 0},
};

static const struct again *find(long number)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}

/* The task has a copy of the program's signal handlers, except the one for SIGCHLD, which it has replaced. */
bool tracer_is_ignored(const tracer_order_t *order, int number)
{
    const uint64_t by_default =
        UINT64_C(1) << (SIGCONT - 1) | UINT64_C(1) << (SIGURG - 1) | UINT64_C(1) << (SIGWINCH - 1);
    mask_action_t action = {.handler = SIG_DFL};
    if (number == SIGCHLD)
        return !order->hears_of_children;
    tracer_call(SYS_rt_sigaction, number, 0, (long)&action, sizeof action.mask, 0, 0);
    return action.handler == SIG_IGN || (action.handler == SIG_DFL && by_default >> (number - 1) & 1);
}

/* The kernel reads it, because the address may be unmapped by now. */
static bool read_time(int process, uintptr_t address, struct timespec *time)
{
    struct iovec to = {time, sizeof *time}, from = {(void *)address, sizeof *time};
    return tracer_call(SYS_process_vm_readv, process, (long)&to, 1, (long)&from, 1, 0) == sizeof *time;
}

#define SECOND ((uint64_t)1000000000u)
#define MARK ((uint64_t)0x77656972 << 32)

/* Nanoseconds; UINT64_MAX: for ever. */
static uint64_t timeout_of(int process, const struct again *call, uint64_t value)
{
    struct timespec time;
    struct timeval of_socket = {0};
    socklen_t size = sizeof of_socket;
    switch (call->timeout) {
    case MILLISECONDS:
        return (int32_t)value < 0 ? UINT64_MAX : (uint32_t)value * (uint64_t)1000000;
    case TIMESPEC:
        return value && read_time(process, value, &time)
                   ? (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec
                   : UINT64_MAX;
    case RECEIVE:
    case SEND:
        tracer_call(SYS_getsockopt, (int)value, SOL_SOCKET,
                    call->timeout == RECEIVE ? SO_RCVTIMEO : SO_SNDTIMEO, (long)&of_socket, (long)&size, 0);
        return of_socket.tv_sec || of_socket.tv_usec
                   ? (uint64_t)of_socket.tv_sec * SECOND + (uint64_t)of_socket.tv_usec * 1000
                   : UINT64_MAX;
    default:
        return UINT64_MAX;
    }
}

static bool is_marked(const struct again *call, const tracer_call_t *note, uint64_t value)
{
    return call->timeout == TIMESPEC ? value == (uintptr_t)&note->rest
                                     : (value & ~(uint64_t)UINT32_MAX) == MARK;
}

static uint64_t with_rest(const struct again *call, tracer_call_t *note, uint64_t value, uint64_t left)
{
    switch (call->timeout) {
    case MILLISECONDS:
        return MARK | (left + 999999) / 1000000;
    case TIMESPEC:
        note->rest = (struct timespec){(time_t)(left / SECOND), (long)(left % SECOND)};
        return (uintptr_t)&note->rest;
    default:
        return MARK | (uint32_t)value;
    }
}

/* False: the time is over. */
static bool set_rest(int process, const struct again *call, tracer_call_t *note,
                     struct user_regs_struct *registers)
{
    uint64_t *value = (uint64_t *)(void *)((char *)registers + call->at), now = os_now_ns();
    if (call->timeout == NO_TIMEOUT)
        return true;
    if (!is_marked(call, note, *value)) {
        uint64_t timeout = timeout_of(process, call, *value);
        if (timeout >= UINT64_MAX - now)
            return true;
        note->deadline_ns = note->ends_ns ? note->ends_ns : now + timeout;
    }
    if (note->deadline_ns <= now)
        return false;
    *value = with_rest(call, note, *value, note->deadline_ns - now);
    return true;
}

bool tracer_begin_again(const tracer_order_t *order, const tracer_thread_t *thread,
                        struct user_regs_struct *registers)
{
    if ((long)registers->orig_rax < 0 || (long)registers->rax != -EINTR)
        return false;
    const struct again *call = find((long)registers->orig_rax);
    if (!call)
        return false;
    if (set_rest(order->process, call, thread->call, registers)) {
        registers->rax = (unsigned long)-RESTART_NO_HANDLER;
    } else {
        registers->rax = (unsigned long)call->is_over;
        registers->orig_rax = (unsigned long)-1;
    }
    return true;
}

/* --- restarted by the kernel --- */

bool tracer_is_restarted(const struct user_regs_struct *registers)
{
    return (long)registers->orig_rax >= 0 && (long)registers->rax == -RESTART_BLOCK;
}

/* Where the kernel has written the rest of the call's time; 0: nowhere. It has done so if the result is
 * ERESTARTNOHAND; otherwise the result is EINTR. */
static uintptr_t rest_of(const struct user_regs_struct *registers)
{
    if ((long)registers->rax != -RESTART_NO_HANDLER)
        return 0;
    switch ((long)registers->orig_rax) {
    case SYS_select:
    case SYS_pselect6:
        return registers->r8;
    case SYS_ppoll:
        return registers->rdx;
    default:
        return 0;
    }
}

void tracer_note_rest(const tracer_order_t *order, tracer_thread_t *thread,
                      const struct user_regs_struct *registers)
{
    const time_t forever = INT32_MAX;
    struct timespec rest;
    uintptr_t at = rest_of(registers);
    thread->until_ns = 0;
    if (!at || !read_time(order->process, at, &rest) || rest.tv_sec > forever)
        return;
    thread->rest_at = at;
    thread->is_timeval = (long)registers->orig_rax == SYS_select;
    /* The rest counts from the stop, which was a moment ago: so this end is a little late. If the thread has
     * noted the end itself, that is exact. */
    uint64_t latest = os_now_ns() + (uint64_t)rest.tv_sec * SECOND +
                      (uint64_t)rest.tv_nsec * (thread->is_timeval ? 1000 : 1);
    uint64_t noted = thread->call->ends_ns;
    thread->until_ns = noted && noted < latest ? noted : latest;
}

void tracer_put_rest(const tracer_order_t *order, const tracer_thread_t *thread)
{
    if (thread->until_ns == 0)
        return;
    uint64_t now = os_now_ns(), left = thread->until_ns > now ? thread->until_ns - now : 0;
    uint64_t unit = thread->is_timeval ? 1000 : 1;
    left = (left + unit - 1) / unit * unit;
    struct timespec rest = {(time_t)(left / SECOND), (long)(left % SECOND / unit)};
    struct iovec from = {&rest, sizeof rest}, to = {(void *)thread->rest_at, sizeof rest};
    tracer_call(SYS_process_vm_writev, order->process, (long)&from, 1, (long)&to, 1, 0);
}

#endif
