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
/* Give a run back. A chunk that is free throughout goes back to the extent allocator, unless few slots are
 * free. */
void runs_give(uint32_t slot, uint32_t count);
/* A chunk that is free throughout goes back to the extent allocator. */
void runs_put_chunk(uint32_t chunk);
/* Before a span with hollow pages is given back, without the lock: the others go back to the kernel too, so
 * that none is touched. How many went. */
size_t runs_release_hollow(uint32_t slot);
/* Take the slots from `count` up to `new_count` as well, if they are free and the limit admits a use of
 * `new_use` pages.
 */
bool runs_extend(uint32_t slot, uint32_t count, uint32_t new_count, size_t new_use);

/* The run is the first of a huge page's slots to be touched: count all of them as touched, the free ones as
 * idle, as they are if the kernel gives a huge page for it. False: it is not the first, or the page is not
 * free otherwise. */
bool runs_touch_huge(uint32_t slot, uint32_t count);

/* Count the first `use` pages of a run as touched. */
void runs_touch(uint32_t slot, uint32_t count, size_t use);
/* The first slots of a run in use have no pages any more. */
void runs_forget(uint32_t slot, uint32_t count);
/* Check every chunk; the free slots and the idle pages of all. */
void runs_verify(size_t *slots_free, size_t *idle);

#endif
