/* process: the roots of a program that knows nothing of the collector: whatever the process has written that
 * is neither the runtime's own nor collected: data of all libraries, thread-local memory, stacks, memory from
 * mmap. It is found in what the kernel says of the process (process/written.h), with the world stopped; so
 * what is loaded, mapped and unmapped meanwhile needs no watching, and no lock of the dynamic linker is
 * waited for. The Boehm collector's USE_PROC_FOR_LIBRARIES does the same by mappings; here it is by written
 * pages.
 *
 * Of a stack what lies below the thread's stack pointer is left out:
 *
 *     mapping:  | not used any more | from the stack pointer up | thread-local memory | the next mapping |
 *                 left out            roots                       roots                 roots
 *
 * Not found: pointers in memory shared with other processes, in the kernel alone (epoll's data), in disguise,
 * or, but for those in machine code, at addresses that are no multiple of eight.
 */
#ifndef WEIR_GC_ROOTS_PROCESS_H
#define WEIR_GC_ROOTS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Can the process be looked through? Else nothing may be collected. */
bool process_is_open(void);
/* Could it be, the last time? A process may have no file descriptor left, or close one of ours. Else what was
 * found is not all, and everything has to be kept. */
bool process_was_open(void);

/* Every range, with the world stopped; the caller's own stack begins at `here`. */
void process_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to));

#endif
