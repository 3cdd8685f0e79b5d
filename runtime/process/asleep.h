/* asleep: shows that another thread of the process waits in a system call and has interrupted no code of the
 * program.
 *
 * /proc/self/task/N/syscall gives the system call that a thread waits in, and its stack pointer; it does so
 * only for a thread that is off the processor. The code that waits may be a signal handler, which has
 * interrupted other code. In that case the frame that the kernel built for the signal lies between the stack
 * pointer and the stack's end. Each such frame contains a word whose value occurs nowhere else (asleep.c). So
 * if that part of the stack does not contain the word, the thread has interrupted nothing.
 *
 * The answer holds at the moment of the call: the thread may wake at any time. */
#ifndef WEIR_PROCESS_ASLEEP_H
#define WEIR_PROCESS_ASLEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Does the thread with this kernel number wait in a system call that was not made by a signal handler?
 * `stack_end` is the upper end of its stack. Also false where this cannot be found out: on another stack, on
 * a stack deeper than 1 MiB, without /proc, on an architecture whose signal frames are not known here. Makes
 * three or more system calls, allocates nothing, keeps errno. */
bool asleep_is(int thread, uintptr_t stack_end);
/* The first check of asleep_is alone, without reading the stack: false for a thread that is running. */
bool asleep_may_be(int thread);

#endif
