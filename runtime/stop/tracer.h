/* tracer: holding other threads of this process by a task that traces them; no signal, no mask and no handler
 * plays a part.
 *
 * The task shares memory and files with the process and is no thread of it: the kernel lets no thread trace
 * another of its own process. It lives from tracer_hold to tracer_release, in which time all signals of the
 * caller are blocked:
 *
 *     caller                    the task                                a thread
 *     clone, wait               PTRACE_SEIZE, PTRACE_INTERRUPT, wait    stops on its way out of the kernel
 *     work on what is held      note its registers                      is held
 *     "release", wait           ends, by which the kernel lets all go   goes on; a system call begins again
 *
 * What the kernel does not begin again by itself after such a stop, the task has begun again (tracer_call_t).
 * What it begins again with the time that was left at the stop (select), the task makes shorter by the stop.
 * Signals that come meanwhile wait, or hold the thread by themselves, and are delivered when the task ends.
 * After the tracer of LeakSanitizer (compiler-rt, sanitizer_stoptheworld_linux_libcdep.cpp), which works by
 * signals.
 */
#ifndef WEIR_STOP_TRACER_H
#define WEIR_STOP_TRACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A system call with a relative timeout that was cut short and begun again: what is left of the time. The
 * thread's, which writes `ends`; the rest is the task's, while the thread is held. */
typedef struct tracer_call {
    uint64_t ends_ns;     /* when the time of the call is over, if the thread has noted it; else 0 */
    uint64_t deadline_ns; /* of the call that was begun again */
    struct timespec rest; /* in place of the program's timeout */
} tracer_call_t;

enum tracer_state {
    TRACER_ASKED,
    TRACER_HELD,
    TRACER_BUSY,    /* it may not be held where it is, and was let go on */
    TRACER_GONE,    /* there is no such thread */
    TRACER_REFUSED, /* the kernel does not let it be traced, or it has ended and the process has not */
    TRACER_DEAF,    /* it waits in the kernel, and does not stop */
    TRACER_PARENT,  /* so too, for a child of vfork; in the program it stops at once */
};

enum {
    TRACER_RED_ZONE = 128, /* bytes below the stack pointer that are in use (System V ABI) */
    /* general registers, the red zone, and the vector registers as far as AVX-512's */
    TRACER_WORDS = 27 + TRACER_RED_ZONE / 8 + 2704 / 8,
};

/* A thread to be held. The first group is the caller's, the second the task's. */
typedef struct tracer_thread {
    int thread;     /* the kernel's number */
    uintptr_t word; /* its os_thread_word: else the number is another thread's by now */
    void *owner;    /* whatever the caller wants */
    tracer_call_t *call;
    const _Atomic uint32_t *vforks; /* 1 while its registers at a vfork are known, if it waits in one */

    enum tracer_state state;
    uint64_t until_ns; /* a call that the kernel begins again is over then; 0: it does not wait in one */
    uintptr_t rest_at; /* the rest of its time, which the kernel has written, stands there */
    bool is_timeval;   /* and counts in microseconds, else in nanoseconds */
    uintptr_t stack;   /* its stack pointer */
    size_t words;      /* so many of the next are its registers */
    uintptr_t registers[TRACER_WORDS]; /* and what it has in its red zone */
} tracer_thread_t;

/* Hold all of them. `judge` is asked by the task of each that has stopped what becomes of it: TRACER_HELD,
 * _BUSY or _GONE; it may only read. After `timeout_ns` those that have not stopped are deaf. False: there is
 * no task to be had, or it has died; no thread is held. Else the state of each is known, and tracer_release
 * is due. One at a time; the calling thread's signals are blocked until then. */
typedef enum tracer_state tracer_judge(const tracer_thread_t *thread);
bool tracer_hold(tracer_thread_t *threads, size_t count, tracer_judge *judge, uint64_t timeout_ns);
void tracer_release(void);
/* Does the task live, and so hold what it has held? A process that may kill this one may kill it. */
bool tracer_holds(void);

/* Is it the number of the task, or of one that a thread which waits for any child (__WALL) has reaped instead
 * of this module? */
bool tracer_is_task(int process);
/* A wait of the program's has reaped the task: its number may be another child's from now on. */
void tracer_forget_task(int process);
/* In the child of a fork: a task of the parent's is none of its children. */
void tracer_after_fork_child(void);
/* How many tasks there were, twice: odd while there is one. */
uint32_t tracer_tasks(void);

/* Does the thread wait in the kernel for a child that it made by vfork, or clone? */
bool tracer_is_parent(int process, int thread);

/* Copy the red zone below a stack pointer; zeros if nothing is mapped there. */
void tracer_copy_red_zone(uintptr_t stack, uintptr_t words[TRACER_RED_ZONE / 8]);

#endif
