/* unwind: the calls that the calling thread is in, by call frame information (cfi.h); on other processors
 * than x86-64 by frame pointers.
 *
 * May be called anywhere: in malloc, in a signal handler, under the linker's lock, while an exception is
 * thrown, on a coroutine's stack. It allocates nothing, takes no lock, and reads no memory but the stack. A
 * stack that is not the thread's own is probed by one system call (process_vm_readv), so that nothing beyond
 * its end is read.
 *
 * What a row says about frequent registers is kept in a cache of all threads, by address: a frame takes some
 * 20 ns then.
 *
 * This folder: from a stack to the calls that made it, by call frame information.
 */
#ifndef WEIR_UNWIND_UNWIND_H
#define WEIR_UNWIND_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* The thread's own stack; both 0: it is not known. */
typedef struct unwind_stack {
    uintptr_t low, high;
} unwind_stack_t;

/* Write up to `room` addresses, innermost first, each within the instruction of a call; the frames of this
 * library are left out. Returns how many. *whole: the outermost frame was reached; else the stack is cut,
 * because there was no more room, or no table describes a frame. */
uint32_t unwind_calls(unwind_stack_t own, uintptr_t *calls, uint32_t room, bool *whole);

/* A function that calls, as it stands at the call: two stacks of a thread in which all of this and the
 * calls are the same down to some frame have most likely not left that frame in between; another frame or
 * other registers prove that they have. */
typedef struct unwind_place {
    uintptr_t frame; /* its CFA; of the outermost its stack pointer */
    uint32_t
        registers; /* those that calls keep, as a hash; of what a signal interrupted never the same twice */
    uint32_t contents; /* its part of the stack, both ends of it if that is large, as a hash */
} unwind_place_t;

/* The same, and the place of each; both arrays have the room. */
uint32_t unwind_places(unwind_stack_t own, uintptr_t *calls, unwind_place_t *places, uint32_t room,
                       bool *whole);

#endif
