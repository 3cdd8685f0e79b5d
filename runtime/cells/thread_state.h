/* thread_state: a thread with a heap, as the rest of the runtime sees it: who it is, whether it stands still,
 * and what of its stack and registers is scanned then.
 *
 * Who may touch what: each field says so. "Owner" is the thread itself. "Stopper" is the thread that stops
 * the world (world.h): it writes what it finds out about a thread that stands still, and reads everything
 * then. What the owner writes is written before `parked` is set, or before the stopper's task has suspended
 * it.
 *
 *     high addresses   | ... the callers' frames ... | stack_to
 *                      |  frames in use              |          scanned: from stack_from to stack_to, or
 *                      |  the frame that stopped     | stack_from   to the end of a coroutine's stack
 *                      |  not in use                 |
 *     low addresses    | ... stack_limit             |
 */
#ifndef WEIR_CELLS_THREAD_STATE_H
#define WEIR_CELLS_THREAD_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/stop/tracer_thread.h"
#include "runtime/unwind/unwind.h"

/* A stack that its thread has left, for the kernel or for another stack: its stack pointer, and words that
 * include the callee-saved registers. */
typedef struct saved_frame {
    uintptr_t from;
    uintptr_t saved[11];
} saved_frame_t;

typedef struct thread_state {
    /* Who it is. Written by the owner when it gets the heap. */
    uintptr_t pointer;     /* the thread pointer: beside it lies its thread-local memory (thread_local.h) */
    uintptr_t stack_to;    /* the end of its stack */
    uintptr_t stack_limit; /* the lower end of its stack; 0: the first thread's, UINTPTR_MAX: not known */
    _Atomic int id; /* the kernel's number of the thread; 0: it has none (any more). world.c clears it */
    bool ended;     /* the thread is past its end, and may vanish at any time; under the lock of the heaps */
    /* At its last stop by a tracer the thread was in a call that the kernel restarts by restart_syscall. The
     * thread makes that call when it gets a processor again, which may be long after the stop. Written by the
     * tracing task. */
    bool restarts;
    /* Signals; stop_by.h. Written by the owner; the first by the stopper, too, if the thread blocks it. */
    _Atomic uint8_t stop_signal; /* the one that stops it */
    bool hides_signal;           /* the program has blocked both; the open one is hidden from it */

    /* How it stands still, from a stop to the restart. Written by the owner if it parks itself, else by the
     * stopper. */
    uintptr_t stack_from;                   /* what it has on its stack begins here */
    uintptr_t registers_from, registers_to; /* where its registers are; equal: on its stack */
    uintptr_t stack_low;     /* its own stack has no hole from here to its end. Written by the stopper */
    _Atomic uint32_t parked; /* 1: it stands still. Written by the owner; the stopper waits for it */
    _Atomic uint32_t waits_for_child; /* 1: in vfork; it counts as parked. Written by the stopper */

    /* What it says about itself. Written by the owner. */
    saved_frame_t blocked;   /* in a blocking section: the frame of the function that began it */
    tracer_call_t call;      /* a system call that a stop may cut short */
    _Atomic uint32_t vforks; /* 1: it makes a child that shares its memory; `blocked` is its frame */

    /* Coroutines (gc/roots/stacks.h). Written by the owner. */
    struct weir_gc_stack *coroutine; /* the stack that it said it is on; NULL: its own */
    saved_frame_t left;              /* where it left its own stack, while it is on another one */
} thread_state_t;

/* The thread's own stack, as far as it is known, for the unwinder. */
static inline unwind_stack_t thread_state_stack(const thread_state_t *thread)
{
    bool is_known = thread->stack_limit != 0 && thread->stack_limit != UINTPTR_MAX;
    return (unwind_stack_t){is_known ? thread->stack_limit : 0, thread->stack_to};
}

#endif
