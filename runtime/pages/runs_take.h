/* runs_take: takes a run of slots (runs.h) that the limits admit and the kernel commits, from a chunk that
 * exists or from a new one.
 *
 * The first chunks are carved from the region directly and committed as they fill, so that a small program
 * never wakes the extent allocator; the others come from it (region/extents.h).
 *
 * All of this is under the pages' lock, which is given up on the way (purge.h). */
#ifndef WEIR_PAGES_RUNS_TAKE_H
#define WEIR_PAGES_RUNS_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Carve the first chunk. */
bool runs_init(void);

/* Why no run was taken: all chunks are full; the limit did not admit it; the kernel does not commit one. */
enum runs_lack { RUNS_FULL, RUNS_NOT_ADMITTED, RUNS_NOT_COMMITTED };

/* Take `count` slots at a multiple of `alignment` slots (a power of two), for a use of `use` pages: dirty
 * ones first. is_small: for a span whose cells will use all of them. 0: none, and *lack says why. */
uint32_t runs_take(uint32_t count, size_t use, size_t alignment, bool is_small, enum runs_lack *lack);
/* The same after runs_take found nothing, from another chunk. */
uint32_t runs_take_new(uint32_t count, size_t use, size_t alignment, bool is_small, enum runs_lack *lack);
/* Extend a run from `count` to `new_count` slots, if those after it are free and the limit admits a use of
 * `new_use` pages.
 */
bool runs_extend(uint32_t slot, uint32_t count, uint32_t new_count, size_t new_use);

#endif
