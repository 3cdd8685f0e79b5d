/* stacks: memory that the program runs coroutines on, and what of it is in use.
 *
 *     low |          not used          | from: frames of a suspended coroutine | high
 *
 * A thread that switches says so just before (stacks_switch): then the place and the registers of the stack
 * that it leaves are kept, and which one it is about to be on. That is only a statement. On which stack a
 * stopped thread really is, its stack pointer tells; so a stop may come between the statement and the switch,
 * and a signal handler may run on a stack of its own:
 *
 *     the pointer is in          is scanned
 *     the stack that was named   that from the pointer up, the thread's own from where it was left
 *     its own stack              that from the pointer up
 *     another registered one     that from the pointer up; what the thread was on before was interrupted,
 *                                nobody knows
 *                                where: all of it
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
    bool seen;                         /* a thread is on it: the collector's */
    struct weir_gc_stack *next, *prev; /* under the collector's lock, as what is free is */
} weir_gc_stack;

/* Under the collector's lock. NULL: out of memory. */
weir_gc_stack *stacks_add(uintptr_t low, size_t size);
void stacks_remove(weir_gc_stack *stack);

/* The calling thread goes on to this one; NULL: to its own. */
void stacks_switch(weir_gc_stack *to);

/* With the world stopped. The registered stack that an address lies in, or NULL; it counts as seen. */
weir_gc_stack *stacks_around(uintptr_t pointer);
/* Before the threads: none is seen; after them: all that were not. */
void stacks_begin(void);
void stacks_each_suspended(void (*range)(uintptr_t from, uintptr_t to));
/* The registers of a stack that was left. */
void stacks_registers(const saved_frame_t *frame, void (*range)(uintptr_t from, uintptr_t to));

/* jemalloc's part of it, which is no root: it has addresses, multiples of 1 GiB, that would keep the object
 * that lies there. from >= to: its size is not known. */
void stacks_own_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to);

#endif
