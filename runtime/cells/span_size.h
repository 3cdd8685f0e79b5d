/* span_size: charges the pages of a span; says how many bytes of an object the program may use. */
#ifndef WEIR_CELLS_SPAN_SIZE_H
#define WEIR_CELLS_SPAN_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/region/region.h"

/* The span's cells before end_cell may be written from now on: charge their pages. The caller owns the span.
 * False: the hard limit refuses them. */
static inline bool span_touch(span_t *span, uint32_t end_cell)
{
    return pages_touch(span, (end_cell * span->cell_size + OS_PAGE - 1) / OS_PAGE);
}

static inline size_t large_usable(span_t *span)
{
    return *span_bytes(span);
}

/* Bytes that may be used of an object of the span, small or large. */
static inline size_t span_usable(span_t *span)
{
    return span_is_large(span) ? large_usable(span) : span->cell_size;
}

/* The slots of a large object of so many bytes. */
static inline uint32_t large_slots(size_t bytes)
{
    return (uint32_t)((bytes + SLOT_SIZE - 1) >> SLOT_SHIFT);
}

#endif
