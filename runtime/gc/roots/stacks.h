/* stacks: memory that the program runs coroutines on, and what of it is in use.
 *
 *     low |          not used          | from: frames of a suspended coroutine | high
 *
 * A thread announces a switch just before it makes it (stacks_switch). Its stack pointer and registers are
 * saved for the stack that it leaves, and the stack that it goes to is noted. This is only an announcement: a
 * stop may come between it and the switch, and a signal handler may run on a stack of its own. The stack
 * pointer of a stopped thread tells where the thread really is:
 *
 *     the pointer is in          scanned
 *     the announced stack        it, from the pointer up; the thread's own, from where it was left
 *     its own stack              it, from the pointer up; all of the announced stack, if there is one
 *     another stack              it, from the pointer up (if it is not registered, to the end of the mapping)
 *                                and all of the announced stack, and the thread's own from where it was left;
 *                                if none is announced, all of its own: where it was interrupted is not known
 *
 * All other registered stacks are suspended and scanned from where they were left.
 */
#ifndef WEIR_GC_ROOTS_STACKS_H
#define WEIR_GC_ROOTS_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* Registered memory. */
typedef struct weir_gc_stack {
    uintptr_t low, high;               /* written once */
    saved_frame_t frame;               /* written by the thread that leaves it */
    bool seen;                         /* a thread was found on it, in this cycle */
    struct weir_gc_stack *next, *prev; /* under the lock of roots.h */
} weir_gc_stack;

/* Under the lock of roots.h. NULL: out of memory. */
weir_gc_stack *stacks_add(uintptr_t low, size_t size);
void stacks_remove(weir_gc_stack *stack);

/* The calling thread goes on to this one; NULL: to its own. */
void stacks_switch(weir_gc_stack *to);

/* With the world stopped. The registered stack that an address lies in, or NULL; it counts as seen. */
weir_gc_stack *stacks_around(uintptr_t pointer);
/* Before the threads are scanned: no stack is seen yet. After: call `range` for all stacks that were not
 * seen. */
void stacks_begin(void);
void stacks_each_suspended(void (*range)(uintptr_t from, uintptr_t to));
/* The registers of a stack that was left. */
void stacks_registers(const saved_frame_t *frame, void (*range)(uintptr_t from, uintptr_t to));

/* jemalloc's part of a thread's thread-local memory, which is no root: it holds addresses, multiples of 1
 * GiB, that would keep objects at them alive. from >= to: its size is not known. */
void stacks_own_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to);

#endif
