/* os: address space, clock, stderr, thread exit and fork.
 *
 * Nothing here allocates, and nothing here takes a lock that a caller could hold. All sizes are bytes; all
 * ranges are multiples of OS_PAGE. Functions that can fail return false and leave the range as it was.
 *
 * This folder: what the kernel does for us: address space, threads and their ends, locks, fences. With base,
 * process, config and stop it is the only code that knows Linux.
 */
#ifndef WEIR_OS_OS_H
#define WEIR_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/compiler.h"

enum { OS_PAGE = 4096, OS_HUGE_PAGE = 2 * 1024 * 1024 };

/* Reserve address space, aligned, inaccessible and free of charge (what alignment leaves over
 * stays reserved as well). NULL when there is none. */
void *os_reserve(size_t size, size_t alignment);
/* The same for memory that the program gets; the above is the runtime's own (own.h). */
void *os_reserve_for_program(size_t size);
/* Both at once, for the runtime's own tables: committed zero pages, or NULL and nothing is left reserved. The
 * size is a number of whole pages. */
void *os_take(size_t size);
/* A size in whole pages. */
ALWAYS_INLINE size_t os_page_up(size_t bytes)
{
    return (bytes + OS_PAGE - 1) & ~(size_t)(OS_PAGE - 1);
}
/* The most address space that this process may have (RLIMIT_AS). */
size_t os_address_space_limit(void);
/* Make a reserved range readable (zero pages, still free of charge), or readable and writable (charged). */
bool os_make_readable(void *start, size_t size);
bool os_commit(void *start, size_t size);
/* Make a committed range inaccessible, until os_commit. */
bool os_forbid(void *start, size_t size);
/* Reserved again: inaccessible, and free of charge. */
bool os_decommit(void *start, size_t size);
/* Does the kernel count what is committed against a bound: RLIMIT_AS, RLIMIT_DATA, or strict overcommit? */
bool os_commit_is_scarce(void);
/* Give the memory of a committed range back to the kernel; it stays committed and reads as zero. */
bool os_release(void *start, size_t size);
/* Addresses that were reserved are free again; of the runtime's own all of a reservation without
 * alignment. */
void os_unreserve(void *start, size_t size);
/* Shall the kernel back a committed range by huge pages, where it has them? It may ignore that. */
void os_prefer_huge_pages(void *start, size_t size, bool prefer);
/* Have a huge page behind OS_HUGE_PAGE bytes, aligned to as much and committed: all of it becomes resident,
 * and keeps what it holds. False: the kernel is too old (before 6.1), is told never to, or has none; nothing
 * has changed. */
bool os_make_huge(void *start);
/* Move the pages of one committed range to another, which loses what it held; the source reads as zero. The
 * kernel keeps a mapping of its own for pages that were moved, until os_renew, and a process has 65,530 at
 * most. Refused: both ranges are still committed, the source as it was. Lost: so is the source, but the
 * target is no longer mapped. */
enum os_move { OS_MOVED, OS_MOVE_REFUSED, OS_MOVE_LOST };
enum os_move os_move_pages(void *to, void *from, size_t size);
/* A committed range is committed anew, and reads as zero: one mapping with its neighbours. */
bool os_renew(void *start, size_t size);

/* Is the address the start of a readable page of this process? */
bool os_is_mapped(const void *address);
/* Does the address lie on the calling thread's stack? */
bool os_is_on_stack(const void *address);

/* The kernel's pages have to be of OS_PAGE bytes, which all arithmetic here takes as given. Of others: one
 * line, and the end of the program; what it would come to instead are refused calls and pages given back that
 * are in use. */
void os_require_pages(void);

/* A number that other processes do not know. */
uint64_t os_random(void);

/* Fault a huge page in at once, around `inside`, if the kernel grants one; 0 is written where `inside`
 * points, which the caller owns and which reads as zero. Nothing of it is left: what is given up of the page
 * comes back in small ones. */
void os_touch_huge(void *inside);

/* Nanoseconds on the monotonic clock. */
uint64_t os_now_ns(void);
/* The same clock as of its last tick, some milliseconds ago at most: without reading a counter. */
uint64_t os_now_coarse_ns(void);

/* Nanoseconds since 1970. */
uint64_t os_wall_clock_ns(void);
/* Processors that this process may use. */
unsigned os_processors(void);

/* An identity for the calling thread that no other live thread has; one instruction on x86-64. */
static inline uintptr_t os_thread_word(void)
{
    return (uintptr_t)__builtin_thread_pointer();
}

/* Have exit_hook called on the calling thread when it ends, after the destructors of everybody else so far
 * as the C library lets us. May allocate through the interposed malloc: the caller is ready for that. */
void os_call_at_thread_exit(void (*exit_hook)(void));
/* In the exit hook: may destructors of others still run on this thread? */
bool os_thread_has_destructors(void);
/* Have the hooks called around fork. The first that is registered is prepared last (POSIX). */
void os_call_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Let another thread run. Keeps errno. */
void os_yield(void);

_Noreturn void os_abort(void);

#endif
