/* self: the calling thread and its process: their numbers, and where the stack is. May be called in signal
 * handlers; errno is kept.
 */
#ifndef WEIR_OS_SELF_H
#define WEIR_OS_SELF_H

#include <stdbool.h>
#include <stdint.h>

int os_thread_id(void);
/* How many threads the kernel counts in this process; 0 where /proc cannot be read. */
uint32_t os_thread_count(void);
int os_process_id(void);
/* The calling thread's number as the C library knows it, without a system call except the first time. Not
 * valid in a child of vfork. */
int os_own_thread(void);
/* Is the caller the thread that the process began with? Not valid in a child of vfork. */
bool os_is_first_thread(void);
/* Called in the child of a fork. */
void os_note_process(void);

/* The upper end of the calling thread's stack. The stack of the first thread includes the pointers to the
 * arguments and the environment. Any other thread's stack includes its thread-local memory. */
uintptr_t os_stack_end(void);
/* Where the kernel has put the number of the program's arguments: the arguments lie above it, the first stack
 * below. */
const uintptr_t *os_first_stack_start(void);
/* Bytes of the C library's record of a thread: above the thread pointer on x86-64 (stop/thread_local.h). */
#ifdef __GLIBC__
enum { OS_THREAD_RECORD = 2304 };
#else
enum { OS_THREAD_RECORD = 192 };
#endif
#endif
