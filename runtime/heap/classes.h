/* classes: the sizes of cells. 16-byte steps up to 256, then eight per doubling up to 1 KiB, four per doubling up
 * to 32 KiB; class 0 is for objects of zero bytes (zero.h). Larger objects have spans of their own (large.h).
 *
 *     size     0   1..16   ...   241..256   257..288   ...   961..1024   1025..1280   ...   28673..32768
 *     class    0     1     ...      16         17      ...       32          33       ...        52
 *
 * Finer steps up to 1 KiB waste less inside cells, but every class in use costs a thread a page that it does not
 * fill: small programs came out smaller with fewer classes, and large ones within a percent.
 */
#ifndef WEIR_HEAP_CLASSES_H
#define WEIR_HEAP_CLASSES_H

#include <stddef.h>
#include <stdint.h>

enum {
    FINE_MAX = 256,
    MEDIUM_MAX = 1024, /* up to here malloc finds the class in a table of granules */
    SMALL_MAX = 32768,
    GRANULES = MEDIUM_MAX / 16 + 1,
    FINE_CLASSES = FINE_MAX / 16,
    MEDIUM_CLASSES = FINE_CLASSES + 2 * 8,
    CLASS_COUNT = MEDIUM_CLASSES + 5 * 4 + 1
};

/* The granule of a size up to MEDIUM_MAX: how many times 16 bytes it takes. */
static inline size_t class_granule(size_t size)
{
    return (size + 15) >> 4;
}

/* For sizes up to SMALL_MAX. */
static inline uint32_t class_of(size_t size)
{
    if (size <= FINE_MAX)
        return (uint32_t)class_granule(size);
    uint32_t top = 63 - (uint32_t)__builtin_clzll(size - 1);
    if (size <= MEDIUM_MAX)
        return FINE_CLASSES + 1 + (top - 8) * 8 + ((uint32_t)((size - 1) >> (top - 3)) & 7);
    return MEDIUM_CLASSES + 1 + (top - 10) * 4 + ((uint32_t)((size - 1) >> (top - 2)) & 3);
}

static inline uint32_t class_size(uint32_t cls)
{
    if (cls <= FINE_CLASSES)
        return cls * 16;
    if (cls <= MEDIUM_CLASSES) {
        uint32_t step = cls - FINE_CLASSES - 1;
        return (9 + (step & 7)) << (5 + step / 8);
    }
    uint32_t step = cls - MEDIUM_CLASSES - 1;
    return (5 + (step & 3)) << (8 + step / 4);
}

#endif
