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

#endif
