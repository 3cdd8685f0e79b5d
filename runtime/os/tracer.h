/* tracer: stops ("holds") other threads of this process by a task that traces them. It needs no signal, and
 * no mask or handler of the program can prevent it.
 *
 * The task shares memory and files with the process, but is not a thread of it: the kernel lets no thread
 * trace another thread of its own process. It lives from tracer_hold to tracer_release. During that time all
 * signals of the caller are blocked:
 *
 *     caller                    the task                                a thread
 *     clone, wait               PTRACE_SEIZE, PTRACE_INTERRUPT, wait    stops on its way out of the kernel
 *     work on what is held      note its registers                      is held
 *     "release", wait           ends, by which the kernel lets all go   goes on; a system call begins again
 *
 * The stop interrupts system calls. A call that the kernel does not restart by itself, the task restarts
 * (tracer_call_t). A call that the kernel restarts with the time that was left at the stop (select) gets less
 * time from the task, by the length of the stop. A signal that arrives meanwhile stays pending, or stops the
 * thread by itself; it is delivered when the task ends. After the tracer of LeakSanitizer (compiler-rt,
 * sanitizer_stoptheworld_linux_libcdep.cpp), which works by signals.
 */
#ifndef WEIR_OS_TRACER_H
#define WEIR_OS_TRACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A system call with a relative timeout that was interrupted and restarted: what is left of the time. It
 * belongs to the thread, which writes ends_ns; the task writes the other fields while it holds the thread. */
typedef struct tracer_call {
    uint64_t ends_ns;     /* when the time of the call is over, if the thread has noted it; else 0 */
    uint64_t deadline_ns; /* of the call that was restarted */
    struct timespec rest; /* in place of the program's timeout */
} tracer_call_t;

enum tracer_state {
    TRACER_ASKED,
    TRACER_HELD,
    TRACER_BUSY,    /* it may not be held where it is, and was let go on */
    TRACER_GONE,    /* there is no such thread */
    TRACER_REFUSED, /* the kernel does not let it be traced, or it has ended and the process has not */
    TRACER_DEAF,    /* it waits in the kernel, and does not stop */
    TRACER_PARENT,  /* it waits in the kernel for a child of vfork, and stops when it is back */
};

enum {
    TRACER_RED_ZONE = 128, /* bytes below the stack pointer that are in use (System V ABI) */
    /* general registers, the red zone, and the vector registers as far as AVX-512's */
    TRACER_WORDS = 27 + TRACER_RED_ZONE / 8 + 2704 / 8,
};

/* A thread to be held. The first group is the caller's, the second the task's. */
typedef struct tracer_thread {
    int thread;     /* the kernel's number */
    uintptr_t word; /* its os_thread_word; if another, the number is another thread's by now */
    void *owner;    /* whatever the caller wants */
    tracer_call_t *call;
    const _Atomic uint32_t *vforks; /* 1 while it may wait in a vfork; its frame there is noted then */

    enum tracer_state state;
    uint64_t until_ns;                 /* when a call that the kernel restarts is over; 0: it waits in none */
    uintptr_t rest_at;                 /* where the kernel has written the rest of that call's time */
    bool is_timeval;                   /* the rest counts in microseconds, else in nanoseconds */
    uintptr_t stack;                   /* its stack pointer */
    size_t words;                      /* how many words of `registers` are filled */
    uintptr_t registers[TRACER_WORDS]; /* general ones, the red zone, vector ones */
} tracer_thread_t;

/* Hold all of the threads. For each that has stopped the task calls `judge`, which says what becomes of it:
 * TRACER_HELD, _BUSY or _GONE; it may only read. A thread that has not stopped after `timeout_ns` becomes
 * TRACER_DEAF. False: no task could be made, or it has died; no thread is held. True: the state of each
 * thread is known, and the caller has to call tracer_release; until then its signals are blocked. One caller
 * at a time. */
typedef enum tracer_state tracer_judge(const tracer_thread_t *thread);
bool tracer_hold(tracer_thread_t *threads, size_t count, tracer_judge *judge, uint64_t timeout_ns);
void tracer_release(void);
/* Is the task still alive, and so are the threads still held? Another process may have killed it. */
bool tracer_holds(void);

/* Is it the number of the task? Also true for a task that this module has not reaped, because a thread of the
 * program that waits for any child (__WALL) has. */
bool tracer_is_task(int process);
/* Called when a wait of the program's has reaped the task: another child may get its number from now on. */
void tracer_forget_task(int process);
/* Called in the child of a fork: a task of the parent's is not one of its children. */
void tracer_after_fork_child(void);
/* Twice the number of tasks so far; odd while there is one. */
uint32_t tracer_tasks(void);

/* Does the thread wait in the kernel for a child that it made by vfork, or clone? */
bool tracer_is_parent(int process, int thread);

/* Copy the red zone below a stack pointer; zeros if nothing is mapped there. */
void tracer_copy_red_zone(uintptr_t stack, uintptr_t words[TRACER_RED_ZONE / 8]);

#endif
