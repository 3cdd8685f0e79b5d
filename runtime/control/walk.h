/* walk: what is in use in a slot, read beside its owner; include/weir/walk.h is the manual.
 *
 * The pages' lock is held while a slot is read: so its span cannot be given back, and its pages stay mapped.
 * The owner may allocate and free meanwhile. That changes tags of cells and bits of bitmaps, each of which is
 * read in one piece. A cell of a manual span is free if it carries the span's tag, reaches into a hollow
 * page, or was never handed out (region/region.h, cells/hollow.h).
 */
#ifndef WEIR_CONTROL_WALK_H
#define WEIR_CONTROL_WALK_H

#include <weir/walk.h>

#include "runtime/cells/bitmaps.h"

typedef struct walk_slot {
    weir_span span;
    uint64_t used[SLOT_WORDS];
} walk_slot_t;

/* The slots to be walked: from walk_first() to before walk_end(). */
uint32_t walk_first(void);
uint32_t walk_end(void);

/* False: no span with a block in use begins in the slot. */
bool walk_read(uint32_t slot, walk_slot_t *found);

#endif
