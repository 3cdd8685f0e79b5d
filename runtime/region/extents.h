/* extents: jemalloc as the extent allocator. It owns the reuse and the coalescing of address space for chunks
 * and for objects over 2 MiB; its extents are carved from the region.
 *
 * Only the pages module calls this, under its lock. jemalloc is not started before extents_wake. It calls
 * nothing of libc that allocates.
 */
#ifndef WEIR_REGION_EXTENTS_H
#define WEIR_REGION_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called at the start of the process: asks the kernel whether commitment is scarce. */
void extents_init(void);
/* Does the kernel count what is committed against a bound? Then idle memory is decommitted, too. */
bool extents_is_frugal(void);

/* Start jemalloc, unless that was done. False: there is no memory for it now. */
bool extents_wake(void);
bool extents_is_awake(void);

/* Around fork. */
void extents_before_fork(void);
void extents_after_fork(bool child);
/* Does jemalloc know the calling thread? Then extents_thread_end has to be called before the thread ends. */
bool extents_knows_thread(void);
void extents_thread_end(void);

/* Take committed memory, aligned to `alignment`, which is at least a slot. Only what its slots count as
 * `touched` may be other than zero; jemalloc cannot tell, because pages are released without its knowledge.
 * NULL: there is none. */
void *extents_take(size_t size, size_t alignment);
void extents_give(void *memory, size_t size);
/* Grow a block in place. Returns its new size, at least `wanted`, or 0 if that cannot be done. */
size_t extents_extend(void *memory, size_t size, size_t wanted);
/* Give the end of a block back, which jemalloc keeps for reuse. Returns the block's new size, at least
 * `wanted`. */
size_t extents_shrink(void *memory, size_t size, size_t wanted);
/* Give what jemalloc holds for reuse back to the kernel, and decommit it if asked to. Returns how many bytes
 * of it were touched. Slots whose pages the kernel refuses to take stay touched. */
size_t extents_purge(bool decommit);
/* How often purging has also decommitted, ever. */
size_t extents_decommits(void);
/* The bytes of jemalloc's own metadata. The call takes some microseconds. */
size_t extents_metadata_bytes(void);
/* The part of the calling thread's thread-local memory that is jemalloc's: *start, and its bytes; 0: not
 * known. Any thread may call it. */
size_t extents_thread_local(uintptr_t *start);
/* The size jemalloc would make of a request; 0: none so large. */
size_t extents_rounded(size_t size, size_t alignment);

#endif
