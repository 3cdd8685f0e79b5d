/* block: how an object lies in its cell when the heap is hardened, and what is known about it.
 *
 *     cell:   |<- front canary, 32 B or the alignment ->|<- the program's ->|<- rear canary, >= 32 B ->|
 *     large:  the same in whole pages; then, to the end of the memory, the guard: at least one inaccessible
 *             page
 *
 * A front canary (canary.h) may be longer than a page: then only the page next to the object is filled and
 * checked.
 *
 * What is known about a block stands in its record (records.h).
 */
#ifndef WEIR_HARDEN_BLOCK_H
#define WEIR_HARDEN_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/heap_call.h"
#include "runtime/harden/records.h"
#include "runtime/region/region.h"

enum { CANARY_MIN = 32 };

/* A block and where its parts are. */
typedef struct block {
    record_t *record;
    char *start, *user, *end; /* of the front canary, the program's part, the rear canary's end */
    char *limit;              /* of large ones: the end of the memory; [end, limit) is the guard */
    bool large;
} block_t;

/* Something wrong that was found; what == NULL: nothing. */
typedef struct finding {
    const char *what;
    const void *at;
    size_t cell;
} finding_t;

/* Must the object have whole pages? And how many bytes its block takes, canaries and guard included. */
bool block_is_large(size_t size, size_t alignment);
size_t block_room(size_t size, size_t alignment);

/* The caller of everything below holds the lock of hardening (harden.c). */

/* Put an object into a cell or a run of pages: record, canaries, guard. False: no memory for the record. */
bool block_make(void *start, bool large, size_t size, size_t alignment, enum heap_call call, block_t *block);
/* The block whose object is at this address; it is live or in quarantine. */
block_t block_at(void *user);
/* The block whose object is at p, in whatever state; or what is wrong with the address. */
finding_t block_find(const void *p, block_t *block);

/* Resize a large live block in place. False: it does not fit there, or would be smaller than a page. */
bool block_resize(block_t *block, size_t size);

/* Is a canary of a live block damaged? A damaged one is filled anew, so that it is reported once. */
finding_t block_check(const block_t *block);
/* Zero a block that was freed, or release its pages if it is large. One with a guard becomes inaccessible. */
void block_poison(const block_t *block);
/* Was a poisoned block written to? Then it is zeroed again. Large blocks are not looked into. */
finding_t block_check_poison(const block_t *block);
/* Make the block's memory ready for the heap again. False: it is still inaccessible, because the kernel did
 * not make it writable: RLIMIT_DATA counts writable memory only, and others have used the room meanwhile. */
bool block_release(const block_t *block);

static inline finding_t block_finding(const block_t *block, const char *what)
{
    return (finding_t){.what = what, .at = block->user, .cell = (size_t)(block->end - block->start)};
}

#endif
