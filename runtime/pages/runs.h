/* runs: runs of free slots in chunks.
 *
 * A chunk has one word of free slots and one of those that are dirty (may be resident); finding, taking and
 * giving back a run is bit arithmetic on them. Dirty slots are taken first, lowest address first, so that the
 * heap stays dense and its upper end empties.
 *
 * The first chunks are carved from the region directly and committed as they fill, so that a small program
 * never wakes the extent allocator; the others come from it (extents.h).
 *
 * All of this is under the pages' lock, but runs_release_hollow. */
#ifndef WEIR_PAGES_RUNS_H
#define WEIR_PAGES_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Carve the first chunk. */
bool runs_init(void);

/* Take `count` slots at a multiple of `alignment` slots (a power of two), for a use of `use` pages: dirty
 * ones first. is_small: for a span whose cells will use all of them. 0: none. *full says that there is no
 * such run; else the limit refused it, or none can be committed. */
uint32_t runs_take(uint32_t count, size_t use, size_t alignment, bool is_small, bool *full);
/* The same after runs_take found nothing, from another chunk. */
uint32_t runs_take_new(uint32_t count, size_t use, size_t alignment, bool is_small, bool full);
/* Take slots that are free and idle, to purge them. */
void runs_take_idle(uint32_t slot, uint32_t count);
/* Give a run back. If the slots of its chunk are all free then, the chunk goes back to the extent allocator,
 * unless few slots are free elsewhere. */
void runs_give(uint32_t slot, uint32_t count);
/* Give a chunk whose slots are all free back to the extent allocator. */
void runs_put_chunk(uint32_t chunk);
/* Called before a span with hollow pages is given back, without the lock: releases its other pages as well,
 * so that none is touched. Returns how many pages it released. */
size_t runs_release_hollow(uint32_t slot);
/* Extend a run from `count` to `new_count` slots, if those after it are free and the limit admits a use of
 * `new_use` pages.
 */
bool runs_extend(uint32_t slot, uint32_t count, uint32_t new_count, size_t new_use);

/* If the run's slots are the first of a huge page to be touched, and the page's other slots are free, count
 * all slots of the page as touched and the free ones as idle: so it will be if the kernel backs the run by a
 * huge page. False: this is not so, and nothing was counted. */
bool runs_touch_huge(uint32_t slot, uint32_t count);

/* Count the first `use` pages of a run as touched. */
void runs_touch(uint32_t slot, uint32_t count, size_t use);
/* Count the first slots of a run in use as not touched: they have no pages any more. */
void runs_forget(uint32_t slot, uint32_t count);
/* Check every chunk, and add up the free slots and the idle pages. */
void runs_verify(size_t *slots_free, size_t *idle);

#endif
