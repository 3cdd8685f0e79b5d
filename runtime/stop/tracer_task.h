/* tracer_task: what the task of tracer.h does. It runs with the thread-local memory of the thread that made
 * it. So it calls no function of the C library that uses thread-local memory (errno), and its files are
 * compiled without sanitizers and stack protector. */
#ifndef WEIR_STOP_TRACER_TASK_H
#define WEIR_STOP_TRACER_TASK_H

#include <stdatomic.h>

#include "runtime/stop/tracer_thread.h"

enum { TRACER_TO_WAIT, TRACER_STARTS, TRACER_HAS_HELD, TRACER_TO_END };

typedef struct tracer_order {
    tracer_thread_t *threads;
    size_t count;
    tracer_judge *judge;
    uint64_t timeout_ns;
    int process;            /* whose threads they are */
    bool hears_of_children; /* the program has a handler for SIGCHLD; written by the task */
    _Atomic uint32_t stage; /* the caller writes TO_WAIT, STARTS, TO_END; the task HAS_HELD */
} tracer_order_t;

/* Start a task that executes the order, on a stack of its own that ends at `stack_end`. Returns its number,
 * or -errno. */
long tracer_task_start(tracer_order_t *order, char *stack_end);

/* Does the thread wait in the kernel for a child that it made by vfork, or clone? */
bool tracer_is_parent(int process, int thread);

/* Copy the red zone below a stack pointer; zeros if nothing is mapped there. */
void tracer_copy_red_zone(uintptr_t stack, uintptr_t words[TRACER_RED_ZONE / 8]);

/* Does the program ignore the signal? The kernel drops an ignored signal when it is sent, unless the
 * receiving thread is traced or blocks it, as the collecting thread does. */
bool tracer_is_ignored(const tracer_order_t *order, int number);

/* Make the thread restart a call that the stop interrupted, with what is left of its time. The thread is
 * stopped; `registers` are what PTRACE_GETREGSET gave. True: they were changed. */
struct user_regs_struct;
bool tracer_begin_again(const tracer_order_t *order, const tracer_thread_t *thread,
                        struct user_regs_struct *registers);

/* Will the kernel restart the call of the thread by restart_syscall? */
bool tracer_is_restarted(const struct user_regs_struct *registers);

/* For select and its like: when a thread stops, the kernel writes what is left of the time, and restarts the
 * call with that when the thread goes on. tracer_note_rest notes, when the thread is held, at what time the
 * call is over. tracer_put_rest writes what is left then, before the thread goes on. */
void tracer_note_rest(const tracer_order_t *order, tracer_thread_t *thread,
                      const struct user_regs_struct *registers);
void tracer_put_rest(const tracer_order_t *order, const tracer_thread_t *thread);

/* A system call, without errno: the result, or -errno. */
static inline long tracer_call(long number, long a, long b, long c, long d, long e, long f)
{
#ifdef __x86_64__
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    (void)number, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    return -38; /* ENOSYS */
#endif
}

#endif
