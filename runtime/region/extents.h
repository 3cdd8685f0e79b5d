/* extents: jemalloc as the extent allocator. It owns the reuse and the coalescing of address space for chunks
 * and for objects over 2 MiB; its extents are carved from the region.
 *
 * Only the pages module calls this, under its lock. jemalloc sleeps until extents_wake. It calls nothing of
 * libc that allocates.
 */
#ifndef WEIR_REGION_EXTENTS_H
#define WEIR_REGION_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At the start of the process: what is asked of the kernel is asked here. */
void extents_init(void);
/* Does the kernel count what is committed against a bound? Then idle memory gives up its commitment too. */
bool extents_is_frugal(void);

/* Start jemalloc, unless that was done. False: there is no memory for it now. */
bool extents_wake(void);
bool extents_is_awake(void);

/* Around fork. */
void extents_before_fork(void);
void extents_after_fork(bool child);
/* A thread that jemalloc knows has to be forgotten before it ends. */
bool extents_knows_thread(void);
void extents_thread_end(void);

/* Committed memory, aligned to `alignment`, at least a slot. Its slots' `touched` say what of it may be other
 * than
 * zero: jemalloc does not know what was released behind its back. NULL: none. */
void *extents_take(size_t size, size_t alignment);
void extents_give(void *memory, size_t size);
/* Grow a block in place; the size it has then, at least `size`, or 0 if it cannot. */
size_t extents_extend(void *memory, size_t size, size_t wanted);
/* Give the end of a block back; the size it has then, at least `wanted`. What is given back is for reuse. */
size_t extents_shrink(void *memory, size_t size, size_t wanted);
/* Give what jemalloc holds for reuse back to the kernel, its commitment too if asked for; the bytes of it
 * that were touched. Slots of which the kernel refuses to take the pages stay touched. */
size_t extents_purge(bool decommit);
/* How often purging has also given up a commitment, ever. */
size_t extents_decommits(void);
/* jemalloc's own metadata (some microseconds). */
size_t extents_metadata_bytes(void);
/* By any thread: what jemalloc keeps of the caller lies in its thread-local memory: start, and bytes; 0: not
 * known. */
size_t extents_thread_local(uintptr_t *start);
/* The size jemalloc would make of a request; 0: none so large. */
size_t extents_rounded(size_t size, size_t alignment);

#endif
