/* stack: a call on another stack than the thread's.
 *
 * For code that is not ours and takes more stack than a thread may have left. While it runs, a signal handler
 * of the program that has no stack of its own runs there too: so the stack is larger than the call needs. */
#ifndef WEIR_OS_STACK_H
#define WEIR_OS_STACK_H

#include <stdbool.h>
#include <stddef.h>

enum { STACK_BYTES = 256 * 1024 };

/* A stack that only what is used of is resident, with inaccessible addresses below it; its upper end. For
 * good; one caller at a time. NULL: no memory. */
void *stack_make(void);

/* call(argument) on the stack, whose upper end is a multiple of 16. */
void stack_call(void *upper_end, void (*call)(void *argument), void *argument);

#endif
