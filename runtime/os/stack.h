/* stack: a call on another stack than the thread's.
 *
 * For foreign code that takes more stack than a thread may have left. While it runs, a signal handler of the
 * program runs on this stack too, unless it has an alternate stack: so the stack is larger than the call
 * needs. */
#ifndef WEIR_OS_STACK_H
#define WEIR_OS_STACK_H

#include <stdbool.h>
#include <stddef.h>

enum { STACK_BYTES = 256 * 1024 };

/* There is one such stack: make it, for good, and return its upper end. Only the part that is used becomes
 * resident; the addresses below the stack are inaccessible. One caller at a time. NULL: no memory, and the
 * caller may try again. */
void *stack_make(void);

/* call(argument) on the stack, whose upper end is a multiple of 16. */
void stack_call(void *upper_end, void (*call)(void *argument), void *argument);

#endif
