/* classes: the sizes of cells (classes.def). 16-byte steps up to 256, then eight per doubling up to 1 KiB,
 * about four per doubling up to 32 KiB; class 0 is for objects of zero bytes (zero.h). Larger objects have
 * spans of their own (large.h).
 *
 * Finer steps waste less inside cells, but each class in use costs a thread a page that it does not fill.
 * With fewer classes small programs took less memory, and large ones the same within a percent. A cell of
 * 4 KiB or more has pages of its own anyway, so one more class costs nothing there; and a block that is
 * shorter than its cell leaves the pages at the cell's end untouched.
 *
 * The objects of which programs keep many are often a power of two and a header, such as sqlite's of 1,032
 * and 4,368 bytes. So each of the classes of 1, 2, 4 and 8 KiB is followed by one whose cells fill a slot: 63
 * of 1,040 bytes, 31 of 2,112, 15 of 4,368, 7 of 9,360. */
#ifndef WEIR_CELLS_CLASSES_H
#define WEIR_CELLS_CLASSES_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/os/os.h"

enum {
    MEDIUM_MAX = 1040, /* up to here malloc finds the class in a table of its thread's */
    SMALL_MAX = 32768,
    GRANULES = MEDIUM_MAX / 16 + 1,
    CLASS_COUNT = 58
};

HIDDEN extern const uint16_t class_sizes[CLASS_COUNT];
HIDDEN extern const uint8_t class_of_granules[SMALL_MAX / 16 + 1];
HIDDEN extern const uint32_t class_reciprocals[CLASS_COUNT]; /* 2^32 / size, rounded up */

/* The granule of a size up to SMALL_MAX: how many times 16 bytes it takes. */
static inline size_t class_granule(size_t size)
{
    return (size + 15) >> 4;
}

/* For sizes up to SMALL_MAX. */
static inline uint32_t class_of(size_t size)
{
    return class_of_granules[class_granule(size)];
}

static inline uint32_t class_size(uint32_t cls)
{
    return class_sizes[cls];
}

/* The index of the cell that an offset into a span lies in, by the reciprocal of the class: exact for offsets
 * below 64 KiB. */
static inline uint32_t class_cell_at(uint32_t reciprocal, size_t offset)
{
    return (uint32_t)((uint64_t)offset * reciprocal >> 32);
}

#endif
