/* tracer_thread: a thread that the task of tracer.h is to hold, and what it finds of it. */
#ifndef WEIR_STOP_TRACER_THREAD_H
#define WEIR_STOP_TRACER_THREAD_H

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
    uintptr_t word; /* its os_thread_word; a thread with another one has reused the number */
    void *owner;    /* whatever the caller wants */
    tracer_call_t *call;
    const _Atomic uint32_t *vforks; /* 1 while it may wait in vfork; it has noted its frame before */
    bool *restarts;                 /* written by the task: see thread_state.h */

    enum tracer_state state;
    uint64_t until_ns;                 /* when a call that the kernel restarts is over; 0: it waits in none */
    uintptr_t rest_at;                 /* where the kernel has written the rest of that call's time */
    bool is_timeval;                   /* the rest counts in microseconds, else in nanoseconds */
    uintptr_t stack;                   /* its stack pointer */
    size_t words;                      /* how many words of `registers` are filled */
    uintptr_t registers[TRACER_WORDS]; /* general ones, the red zone, vector ones */
} tracer_thread_t;

/* What becomes of a thread that has stopped: see tracer_hold. */
typedef enum tracer_state tracer_judge(const tracer_thread_t *thread);

#endif
