/* asleep: proof that another thread of the process is in the middle of no code of the program.
 *
 * A thread that waits in a system call has its program counter at that call: /proc/self/task/N/syscall says
 * so, with its stack pointer, and only of a thread that is off the processor. It may be a signal handler that
 * waits, which has interrupted other code: then the frame that the kernel made for the handler lies on the
 * stack, between the stack pointer and the stack's end. It holds the interrupted segment registers in one
 * word of a value that nothing else has. So a thread of which that part of the stack has no such word has
 * interrupted nothing.
 *
 * The answer is about the moment of the call: the thread may wake at any time. */
#ifndef WEIR_PROCESS_ASLEEP_H
#define WEIR_PROCESS_ASLEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Does the thread, by the kernel's number, wait in a system call that no signal handler of its has made?
 * `stack_end`: the upper end of its stack. False also where it cannot be known: another stack, no /proc, a
 * stack deeper than 1 MiB, an architecture of which the frames are not known. Three system calls or more, no
 * allocation; keeps errno. */
bool asleep_is(int thread, uintptr_t stack_end);
/* The first part of it: false where the other would say so of a thread that runs. */
bool asleep_may_be(int thread);

#endif
