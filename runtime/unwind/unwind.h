/* unwind: the call stack of the calling thread, found by call frame information (cfi.h), or by frame pointers
 * on other processors than x86-64.
 *
 * May be called anywhere: in malloc, in a signal handler, under the linker's lock, while an exception is
 * thrown, on a coroutine's stack. It allocates nothing, takes no lock, and reads only the stack and the
 * unwind tables of the loaded files. A stack that is not the thread's own is probed by one system call
 * (process_vm_readv), so that nothing beyond its end is read.
 *
 * All threads share a cache of rows of a common form, by address. A frame whose row is cached takes some 20
 * ns.
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

/* The state of a function at its call, to tell whether the function has returned since. If in two walks of a
 * thread's stack the calls and the places are the same from the outermost frame down to some frame, the
 * thread has most likely not left that frame between the walks. If `frame` or `registers` differ, it has. */
typedef struct unwind_place {
    uintptr_t frame;    /* its CFA; of the outermost, its stack pointer; odd: a signal interrupted it */
    uint32_t registers; /* a hash of the callee-saved registers */
    uint32_t contents;  /* a hash of its part of the stack, or of both ends if that is large */
} unwind_place_t;

/* The same, and the place of each call; both arrays have `room` elements. */
uint32_t unwind_places(unwind_stack_t own, uintptr_t *calls, unwind_place_t *places, uint32_t room,
                       bool *whole);

#endif
