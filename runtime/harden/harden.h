/* harden: WEIR_DEBUG=harden=1: the heap for finding misuse. Every call is a slow path here.
 *
 *   allocate   patrol; take a cell out of a shuffled list; lay the block out (block.h), its part for the
 *              program zeroed
 *   free       is it a block, live, allocated by the counterpart of this call, are its canaries whole? Then
 *              it is zeroed and goes into quarantine (quarantine.h), from where the oldest go to the heap
 *   patrol     check the canaries of the last few blocks allocated, the newest block in quarantine, and one
 *              other block there
 *
 * One lock protects records, canaries and quarantine; the heap underneath works as always, without it.
 * Reports are written with the lock released, since abort may run a handler that allocates.
 *
 * This folder: the hardened heap (WEIR_DEBUG=harden=1): canaries, quarantine, records of blocks.
 */
#ifndef WEIR_HARDEN_HARDEN_H
#define WEIR_HARDEN_HARDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/heap_call.h"

/* alignment: a power of two; NULL: no memory */
void *harden_malloc(heap_t *self, size_t size, size_t alignment, enum heap_call call);
/* size: what the caller says it is, or HEAP_SIZE_UNKNOWN */
void harden_free(heap_t *self, void *p, enum heap_call call, size_t size);
/* Moves the block, unless it is large and has room where it is. A large block that grows and moves gets room
 * to grow into: else many small steps would copy all of it each time. size > 0 */
void *harden_realloc(heap_t *self, void *p, size_t size);
size_t harden_usable(const void *p);

/* Empty the quarantine: memory is short, or all that is free is to be given back. */
void harden_shed(heap_t *self);

bool harden_before_fork(void);
void harden_after_fork(bool child);

#endif
