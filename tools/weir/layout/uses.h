/* uses: how many blocks of a heap profile are of which struct. A profile knows sizes and places in the
 * source, not types:
 *
 *     sure      the line that allocates names it: sizeof(struct order), new order, calloc(n, sizeof(order))
 *     likely    no other struct of the program has that size
 *     unknown   several have */
#ifndef WEIR_TOOLS_LAYOUT_USES_H
#define WEIR_TOOLS_LAYOUT_USES_H

#include "tools/weir/layout/types.h"
#include "tools/weir/report/profile.h"

typedef struct use {
    uint64_t sure, likely, unknown; /* objects; each element of an array is one */
} use_t;

/* Blocks in use; if there are none, as at the end of a program, those ever allocated. One use for each
 * record; the caller frees them. `is_ever`: which it was. */
use_t *uses_find(const profile_t *profile, const records_t *records, bool *is_ever);

#endif
