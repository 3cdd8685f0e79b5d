/* block: how an object lies in its cell when the heap is hardened, and what is known about it.
 *
 *     cell:   |<- front canary, 32 B or the alignment ->|<- the program's ->|<- rear canary, >= 32 B ->|
 *     large:  the same in whole pages, and at least one page after them, to the end of the memory, that is
 *             inaccessible
 *
 * Of canaries (canary.h) longer than a page, the page next to the object is used.
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

/* Must the object have whole pages? Then it is aligned to its alignment or a slot, and takes this many
 * bytes. */
bool block_is_large(size_t size, size_t alignment);
size_t block_room(size_t size, size_t alignment);

/* The caller of everything below holds the lock of hardening (harden.c). */

/* Put an object into a cell or a run of pages: record, canaries, guard. False: no memory for the record. */
bool block_make(void *start, bool large, size_t size, size_t alignment, enum heap_call call, block_t *block);
/* The block whose object is at this address; it is live or in quarantine. */
block_t block_at(void *user);
/* The block whose object is at p, in whatever state; or what is wrong with the address. */
finding_t block_find(const void *p, block_t *block);

/* Resize a large live block in its memory. False: it has no room there, or is to be moved for being half
 * empty. */
bool block_resize(block_t *block, size_t size);

/* Is a live block's canary damaged? If so it is made good again: one report is enough. */
finding_t block_check(const block_t *block);
/* Empty a block and make it inaccessible where it has pages of its own. */
void block_poison(const block_t *block);
/* Has a poisoned block been written to? Then it is emptied again. */
finding_t block_check_poison(const block_t *block);
/* Ready for the heap again. False: its memory is, and is inaccessible still: under RLIMIT_DATA the kernel
 * counts only what can be written, and another block has the room. */
bool block_release(const block_t *block);

static inline finding_t block_finding(const block_t *block, const char *what)
{
    return (finding_t){.what = what, .at = block->user, .cell = (size_t)(block->end - block->start)};
}

#endif
