/* guard: a few small blocks, one in N, lie alone on a page between two inaccessible ones, so that the
 * processor stops a write or read past them, or after their free. WEIR_DEBUG=guard=N.
 *
 * After GWP-ASan (Serebryany et al., "GWP-ASan: Sampling-Based Detection of Memory-Safety Bugs in
 * Production", ICSE 2024) and Electric Fence (Perens, 1987). sampled.h decides which allocations are guarded;
 * the fast paths know nothing of it.
 *
 *     | guard | page | guard | page | ... | guard |          GUARD_SLOTS pages, in addresses of their own
 *               .... block                           at the page's end, or, every other time,
 *               block ....                           at its start; the dots are filled, and looked at by free
 *
 * A freed page is inaccessible until its turn comes again: pages are reused in the order in which they were
 * freed. While all pages are in use, no block is guarded. The report names the calls that allocated and freed
 * the block.
 */
#ifndef WEIR_PROFILE_GUARD_H
#define WEIR_PROFILE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

enum { GUARD_SLOTS = 256 };

extern struct guard_range {
    uintptr_t start;
    size_t size; /* 0: there are none */
} guard_range;

/* Once, after the options. */
void guard_init(void);

static inline bool guard_is_on(void)
{
    return guard_range.size != 0;
}

static inline bool guard_owns(const void *p)
{
    return (uintptr_t)p - guard_range.start < guard_range.size;
}

/* A guarded block of this class; NULL: all pages are in use, or it is too large for one. */
void *guard_alloc(const heap_t *heap, uint32_t cls, size_t size);
/* Free the block at p, for which guard_owns. Returns its class; 0: there is no such block, which was
 * reported. */
uint32_t guard_free(const heap_t *heap, void *p);
/* The bytes of the block at p; SIZE_MAX: there is no such block, which was reported as misuse by `call`. */
size_t guard_size(const void *p, const char *call);

bool guard_before_fork(void);
void guard_after_fork(bool child);

#endif
