/* os: what the runtime asks of Linux: address space, clocks, thread exit and fork.
 *
 * Nothing here allocates, except the two functions that register hooks. Nothing here takes a lock that a
 * caller could hold. All sizes are bytes; all ranges are multiples of OS_PAGE. Functions that can fail return
 * false and leave the range as it was, unless they say otherwise.
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
/* The same for memory that the program will get: unlike the range that os_reserve returns, it does not count
 * as the runtime's own (own.h). */
void *os_reserve_for_program(size_t size);
/* Reserve and commit at once, for the runtime's own tables: zero pages. The size is a multiple of the page.
 * NULL: nothing is left reserved. */
void *os_take(size_t size);
/* A size rounded up to whole pages. */
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
/* Undo what the program has done to the protection of a committed range: it is readable and writable,
 * without guards, and children of fork have it, with its content. False: the kernel refuses; errno is ENOMEM
 * if a part is not mapped (in a child, MADV_DONTFORK). */
bool os_unprotect(void *start, size_t size);
/* Map the pages of the range that are not mapped. Never touches one that is. */
void os_map_missing(void *start, size_t size);
/* Make a committed range reserved again: inaccessible, and free of charge. */
bool os_decommit(void *start, size_t size);
/* Does the kernel count what is committed against a bound: RLIMIT_AS, RLIMIT_DATA, or strict overcommit? */
bool os_commit_is_scarce(void);
/* Give the memory of a committed range back to the kernel; it stays committed and reads as zero. */
bool os_release(void *start, size_t size);
/* Free reserved addresses. What os_reserve returned can only be freed as a whole, and only if it was reserved
 * without alignment. */
void os_unreserve(void *start, size_t size);
/* Tell the kernel whether to back a committed range by huge pages. It may ignore that. */
void os_prefer_huge_pages(void *start, size_t size, bool prefer);
/* Back a committed range by one huge page. Its size and its alignment are OS_HUGE_PAGE. All of it becomes
 * resident and keeps its content. The kernel waits for all processors meanwhile: milliseconds, where they are
 * busy. So what has no content comes by os_touch_huge. False, and nothing has changed: the kernel is too old
 * (before 6.1), is set never to do it, or has no huge page. */
bool os_make_huge(void *start);
/* The same for a range that is resident and may be in use: it is not written. is_advised: the kernel was told
 * to use no huge pages there. That advice stays in force: parts that are released later are faulted in again
 * as small pages. */
bool os_collapse(void *start, bool is_advised);
/* Move the pages of one committed range to another, whose content is lost; the source then reads as zero. The
 * kernel keeps a separate mapping for moved pages until os_renew, and a process may have 65,530 mappings at
 * most. OS_MOVE_REFUSED: both ranges are still committed, and the source is unchanged. OS_MOVE_LOST: the
 * source is unchanged, but the target is no longer mapped. */
enum os_move { OS_MOVED, OS_MOVE_REFUSED, OS_MOVE_LOST };
enum os_move os_move_pages(void *to, void *from, size_t size);
/* Map a committed range anew: it reads as zero, and becomes one mapping with its neighbours. */
bool os_renew(void *start, size_t size);

/* Does the address lie in a mapped page of this process? The page may be inaccessible. False, too, if a
 * filter of the program's does not let the runtime ask. */
bool os_is_mapped(const void *address);
/* Does the address lie on the calling thread's stack? */
bool os_is_on_stack(const void *address);

/* End the program with one line if the kernel's pages are not of OS_PAGE bytes, as all arithmetic here
 * assumes. Otherwise calls would be refused, and pages in use would be given back. */
void os_require_pages(void);

/* A number that other processes do not know. */
uint64_t os_random(void);

/* Fault in the huge page around `inside` at once, if the kernel grants one, by writing 0 to where `inside`
 * points: a byte that the caller owns and that reads as zero. The advice to the kernel is withdrawn at once:
 * parts of the page that are released later are faulted in again as small pages. False: the kernel is set
 * never to grant one, and was not asked. */
bool os_touch_huge(void *inside);

/* Nanoseconds on the monotonic clock. */
uint64_t os_now_ns(void);
/* The same clock at its last tick, at most some milliseconds ago. It is cheaper: no counter is read. */
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

/* Have exit_hook called on the calling thread when it ends, after all other destructors as far as the C
 * library permits. This function may allocate through the interposed malloc, so the caller has to be ready
 * for that. */
void os_call_at_thread_exit(void (*exit_hook)(void));
/* In the exit hook: may destructors of others still run on this thread? */
bool os_thread_has_destructors(void);
/* Have the hooks called around fork. Of several registrations, the prepare of the first is called last
 * (POSIX). */
void os_call_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Let another thread run. Keeps errno. */
void os_yield(void);

_Noreturn void os_abort(void);

#endif
