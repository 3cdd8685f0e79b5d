/* provider: jemalloc as the page provider. It owns the reuse and the coalescing of address space for chunks
 * and for objects over 2 MiB; its extents are carved from the region.
 *
 * Only the pages module calls this, under its lock. jemalloc sleeps until provider_wake. It calls nothing of
 * libc that allocates.
 */
#ifndef WEIR_PAGES_PROVIDER_H
#define WEIR_PAGES_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

/* At the start of the process: what is asked of the kernel is asked here. */
void provider_init(void);
/* Does the kernel count what is committed against a bound? Then idle memory gives up its commitment too. */
bool provider_is_frugal(void);

/* Start jemalloc, unless that was done. False: there is no memory for it now. */
bool provider_wake(void);
bool provider_is_awake(void);

/* Around fork. */
void provider_before_fork(void);
void provider_after_fork(bool child);
/* A thread that jemalloc knows has to be forgotten before it ends. */
bool provider_knows_thread(void);
void provider_thread_end(void);

/* Committed memory, aligned to `alignment`, at least a slot. Its slots' `touched` say what of it may be other
 * than
 * zero: jemalloc does not know what was released behind its back. NULL: none. */
void *provider_take(size_t size, size_t alignment);
void provider_give(void *memory, size_t size);
/* Grow a block in place; the size it has then, at least `size`, or 0 if it cannot. */
size_t provider_extend(void *memory, size_t size, size_t wanted);
/* Give the end of a block back; the size it has then, at least `wanted`. What is given back is for reuse. */
size_t provider_shrink(void *memory, size_t size, size_t wanted);
/* Give what jemalloc holds for reuse back to the kernel, its commitment too if asked for; the bytes of it
 * that were touched. Slots of which the kernel refuses to take the pages stay touched. */
size_t provider_purge(bool decommit);
/* How often purging has also given up a commitment, ever. */
size_t provider_decommits(void);
/* jemalloc's own metadata (some microseconds). */
size_t provider_metadata_bytes(void);
/* The size jemalloc would make of a request; 0: none so large. */
size_t provider_rounded(size_t size, size_t alignment);

#endif
