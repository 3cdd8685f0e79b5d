/* process: the roots of a program that knows nothing of the collector. They are all memory that the process
 * has written, except collected memory and the runtime's own: data of all libraries, thread-local memory,
 * stacks, memory from mmap. The kernel says what was written (process/written.h), with the world stopped. So
 * the collector need not watch what the program loads, maps and unmaps, and does not wait for the dynamic
 * linker's lock. The Boehm collector's USE_PROC_FOR_LIBRARIES does the same by mappings; here it is by
 * written pages.
 *
 * During a concurrent trace, what the program has mapped itself is watched and left out: mapped.h.
 *
 * The part of a stack below the thread's stack pointer is left out:
 *
 *     mapping:  | not used any more | from the stack pointer up | thread-local memory | the next mapping |
 *                 left out            roots                       roots                 roots
 *
 * Not found are pointers in memory shared with other processes, pointers that only the kernel holds (epoll's
 * data), encoded pointers, and pointers at addresses that are no multiple of eight, except in machine code.
 */
#ifndef WEIR_GC_ROOTS_PROCESS_H
#define WEIR_GC_ROOTS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Can it be found out what the process has written? If not, nothing may be collected. */
bool process_is_open(void);
/* Was everything found since process_begin? If not, everything has to be kept. This happens if the
 * process has no file descriptor left, or has closed one of ours. */
bool process_was_open(void);

/* Begin a search: call this before process_each and process_each_hidden. */
void process_begin(void);

/* Call `range` for every range of roots, with the world stopped; the caller's own stack begins at `here`. */
void process_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to));

/* The same for the content of objects with pages that the program has made unreadable (malloc/shield.h). In
 * all modes, after process_each if that is called. */
void process_each_hidden(void (*range)(uintptr_t from, uintptr_t to));

#endif
