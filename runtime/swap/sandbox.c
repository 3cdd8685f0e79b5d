/* sandbox: the calls by which a program installs a filter of system calls: prctl, and seccomp(2), for which
 * the C library has no function but syscall(). Before the filter is installed, the runtime gives up each use
 * of system calls that the filter would kill the process for (runtime/base/filter.h), in these steps:
 *
 *     wait until no thread is in the middle of such a use
 *     give the uses up
 *     install the filter; if the kernel refuses it, undo the step before
 *
 * Such a use is a collection, or tending another thread's heap. Collecting is forbidden meanwhile and the
 * lock of the heaps is held, so that neither is under way and neither begins. A thread that a collection
 * stopped in a call with a timeout returns to that call by restart_syscall, when it gets a processor again:
 * that may be after the collection has ended. So before a filter for all threads (SECCOMP_FILTER_FLAG_TSYNC)
 * that does not allow this call, the runtime waits until all threads have returned.
 *
 * In collect mode the program's first userfaultfd(2) comes here as well. Memory belongs to one userfaultfd at
 * a time, and the runtime has one of its own during a trace beside the program (process/dirty.h): it gives
 * that use up.
 */
#ifdef __x86_64__

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/os/lock.h"
#include "runtime/process/asleep.h"
#include "runtime/stop/tracer.h"
#include "runtime/stop/tracer_task.h"
#include "runtime/swap/swap.h"
#include "runtime/threads/world.h"

enum filter_mode { STRICT, FILTER, OTHER };

/* Is this collect mode, and can it still collect? */
static bool collects(void)
{
    return options.collect && gc_is_permitted();
}

/* The line is printed once, because what was given up is not given up again. */
static void say_if_lost(bool collected)
{
    if (collected && !collects())
        text_say(
            "weir: the program's filter of system calls (seccomp) does not allow what a collection needs; "
            "nothing is collected from now on\n");
}

/* In a child that shares the process's memory, the filter is the child's alone, so nothing is given up. */
static bool is_shared(void)
{
    return world_is_child();
}

static void stop_users(void)
{
    gc_forbid_begin();
    lock_acquire(&heaps.lock);
}

static void let_users_go(void)
{
    lock_release(&heaps.lock);
    gc_forbid_end();
}

/* A positive result is a listener's descriptor; or the number of the thread for which the filter could not be
 * installed (SECCOMP_FILTER_FLAG_TSYNC). */
static bool is_installed(long number, const unsigned long arguments[5], long result)
{
    bool has_listener = number == SYS_seccomp && arguments[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return result == 0 || (result > 0 && has_listener);
}

/* The system call itself: the result, or -errno. */
static long pass_on(long number, const unsigned long arguments[5])
{
    return tracer_call(number, (long)arguments[0], (long)arguments[1], (long)arguments[2], (long)arguments[3],
                       (long)arguments[4], 0);
}

static long install_alone(uint32_t forbidden, long number, const unsigned long arguments[5])
{
    bool collected = collects();
    uint32_t before = filter_give_up(forbidden & ~(uint32_t)FILTER_WRITE);
    if (forbidden & FILTER_WRITE) /* once the filter is installed, the line cannot be written */
        say_if_lost(collected);
    filter_give_up(forbidden);
    long result = pass_on(number, arguments);
    if (!is_installed(number, arguments, result))
        filter_restore(before);
    else if (!(forbidden & FILTER_WRITE))
        say_if_lost(collected);
    return result;
}

static bool is_for_all_threads(long number, const unsigned long arguments[5])
{
    return number == SYS_seccomp && arguments[1] & SECCOMP_FILTER_FLAG_TSYNC;
}

/* Wait until each thread that may have to return is off the processor in a system call; at most RETURN_MS,
 * since such a thread may have returned long ago and be computing. Under heaps.lock. */
static void await_return(void)
{
    enum { RETURN_MS = 1000 };
    const struct timespec millisecond = {.tv_nsec = 1000000};
    int left = RETURN_MS;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        if (!heap_has_thread(heap) || heap == cache.heap || !heap->thread.restarts)
            continue;
        for (; left > 0 && !asleep_may_be(heap->thread.id); left--)
            tracer_call(SYS_nanosleep, (long)&millisecond, 0, 0, 0, 0, 0); /* no cancellation point */
    }
}

static long install(const struct sock_fprog *program, long number, const unsigned long arguments[5])
{
    if (is_shared())
        return pass_on(number, arguments);
    bool waits = swap_may_wait();
    uint32_t forbidden = filter_forbids(program);
    if (waits) {
        stop_users();
        if (forbidden & FILTER_TRACE && is_for_all_threads(number, arguments) && tracer_tasks() > 0)
            await_return();
    }
    long result = install_alone(forbidden, number, arguments);
    if (waits)
        let_users_go();
    return result;
}

static enum filter_mode mode_of(long number, const unsigned long arguments[5])
{
    if (number == SYS_seccomp)
        return arguments[0] == SECCOMP_SET_MODE_STRICT   ? STRICT
               : arguments[0] == SECCOMP_SET_MODE_FILTER ? FILTER
                                                         : OTHER;
    if ((int)arguments[0] != PR_SET_SECCOMP)
        return OTHER;
    return arguments[1] == SECCOMP_MODE_STRICT   ? STRICT
           : arguments[1] == SECCOMP_MODE_FILTER ? FILTER
                                                 : OTHER;
}

/* When a trace is under way, wait for its end. */
static void leave_faults_to_program(void)
{
    if (!options.collect || !filter_permits(FILTER_DIRTY) || is_shared() || !swap_may_wait())
        return;
    stop_users();
    filter_give_up(FILTER_DIRTY);
    let_users_go();
}

/* prctl, seccomp or userfaultfd, as the kernel has them: the result, or -errno. The program of the filter is
 * the third argument of the first two. */
static long call(long number, const unsigned long arguments[5])
{
    if (number == SYS_userfaultfd) {
        leave_faults_to_program();
        return pass_on(number, arguments);
    }
    enum filter_mode mode = mode_of(number, arguments);
    if (mode == OTHER)
        return pass_on(number, arguments);
    const void *program = (const void *)(uintptr_t)arguments[2]; // NOLINT(performance-no-int-to-ptr)
    return install(mode == FILTER ? program : NULL, number, arguments);
}

static long or_errno(long result)
{
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

EXPORT int prctl(int option, ...)
{
    unsigned long arguments[5] = {(unsigned long)option};
    va_list list;
    va_start(list, option);
    for (int i = 1; i < 5; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    return (int)or_errno(call(SYS_prctl, arguments));
}

/* Called by the code below. */
HIDDEN long sandbox_call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                         unsigned long e);
HIDDEN long sandbox_call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                         unsigned long e)
{
    const unsigned long arguments[5] = {a, b, c, d, e};
    return or_errno(call(number, arguments));
}

HIDDEN long sandbox_failed(long result);
HIDDEN long sandbox_failed(long result)
{
    return or_errno(result);
}

/* As the C library's: the arguments move down by one, the seventh is on the stack. */
EXPORT __attribute__((naked)) long syscall(long number __attribute__((unused)), ...)
{
    __asm__("cmp %[prctl], %%rdi\n\t"
            "je sandbox_call\n\t"
            "cmp %[seccomp], %%rdi\n\t"
            "je sandbox_call\n\t"
            "cmp %[userfaultfd], %%rdi\n\t"
            "je sandbox_call\n\t"
            "mov %%rdi, %%rax\n\t"
            "mov %%rsi, %%rdi\n\t"
            "mov %%rdx, %%rsi\n\t"
            "mov %%rcx, %%rdx\n\t"
            "mov %%r8, %%r10\n\t"
            "mov %%r9, %%r8\n\t"
            "mov 8(%%rsp), %%r9\n\t"
            "syscall\n\t"
            "cmp $-4095, %%rax\n\t"
            "jae 1f\n\t"
            "ret\n"
            "1:\tmov %%rax, %%rdi\n\t"
            "jmp sandbox_failed"
            :
            : [prctl] "i"(SYS_prctl), [seccomp] "i"(SYS_seccomp), [userfaultfd] "i"(SYS_userfaultfd));
}
#endif
