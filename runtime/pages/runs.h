/* runs: runs of free slots in chunks.
 *
 * A chunk has one word of free slots and one of those that are dirty (may be resident); finding, taking and
 * giving back a run is bit arithmetic on them. Dirty slots are taken first, lowest address first, so that the
 * heap stays dense and its upper end empties.
 *
 * All of this is under the pages' lock, except runs_release_hollow. */
#ifndef WEIR_PAGES_RUNS_H
#define WEIR_PAGES_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/region/region.h"

/* Add a chunk, all of whose slots are free; `committed` has a bit for each slot that is committed. */
void runs_add_chunk(void *memory, bool from_extents, uint64_t committed);

/* Which free slots a run may consist of. */
enum runs_which { RUNS_DIRTY, RUNS_COMMITTED, RUNS_ANY };
/* Find a run of `count` free slots at a multiple of `alignment` slots (a power of two). is_small: for a span
 * whose cells will use all of it. 0: none. */
uint32_t runs_find(uint32_t count, size_t alignment, enum runs_which which, bool is_small);
/* Take a run of free slots: they are in use from now on. */
void runs_mark_taken(uint32_t slot, uint32_t count);
/* The alignment of a chunk, in bytes, in which a run can begin at a multiple of `alignment` slots. */
static inline size_t runs_chunk_alignment(size_t alignment)
{
    return alignment > CHUNK_SLOTS ? alignment << SLOT_SHIFT : CHUNK_SIZE;
}

/* Have the slots of a run committed, and some more of a chunk that the region itself has given. False: the
 * kernel refuses. */
bool runs_commit(uint32_t slot, uint32_t count);
/* Give a run back. If the slots of its chunk are all free then, the chunk goes back to the extent allocator,
 * unless few slots are free elsewhere. */
void runs_give(uint32_t slot, uint32_t count);
/* Give a chunk whose slots are all free back to the extent allocator. */
void runs_put_chunk(uint32_t chunk);
/* Called before a span with hollow pages is given back, without the lock: releases its other pages as well,
 * so that none is touched. Returns how many pages it released. */
size_t runs_release_hollow(uint32_t slot);
/* A huge page has HUGE_PAGE_SLOTS slots. */
enum { HUGE_PAGE_SLOTS = OS_HUGE_PAGE / SLOT_SIZE };
/* Is the slot, which was taken just now, the first of its huge page to be touched? Are the others free? */
bool runs_begins_huge(uint32_t slot);
/* Then count all of the page as touched, and the free slots as idle: so it will be if the kernel backs the
 * slot by a huge page. is_reserved: only small spans may have them (chunk_t.small). False: the kernel refuses
 * to commit them, and nothing was counted. */
bool runs_touch_huge(uint32_t slot, bool is_reserved);

/* Count the first `use` pages of a run as touched. */
void runs_touch(uint32_t slot, uint32_t count, size_t use);
/* Count `count` slots, in use or free, as not touched: they have no pages any more. */
void runs_forget(uint32_t slot, uint32_t count);
/* Check every chunk, and add up the free slots and the idle pages. */
void runs_verify(size_t *slots_free, size_t *idle);

#endif
