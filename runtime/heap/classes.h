/* classes: the sizes of cells. 16-byte steps up to 1 KiB, then four classes per doubling up to 32 KiB; class 0
 * is for objects of zero bytes (zero.h). Larger objects have spans of their own (large.h).
 *
 *     size     0   1..16   17..32   ...   1009..1024   1025..1280   ...   28673..32768
 *     class    0     1       2                64            65                 84
 */
#ifndef WEIR_HEAP_CLASSES_H
#define WEIR_HEAP_CLASSES_H

#include <stddef.h>
#include <stdint.h>

enum { FINE_MAX = 1024, SMALL_MAX = 32768, FINE_CLASSES = FINE_MAX / 16, CLASS_COUNT = FINE_CLASSES + 1 + 20 };

static inline size_t class_of_fine(size_t size)
{
    return (size + 15) >> 4;
}

/* For sizes up to SMALL_MAX. */
static inline uint32_t class_of(size_t size)
{
    if (size <= FINE_MAX)
        return (uint32_t)class_of_fine(size);
    uint32_t top = 63 - (uint32_t)__builtin_clzll(size - 1);
    return FINE_CLASSES + 1 + (top - 10) * 4 + ((uint32_t)((size - 1) >> (top - 2)) & 3);
}

static inline uint32_t class_size(uint32_t class)
{
    if (class <= FINE_CLASSES)
        return class * 16;
    uint32_t step = class - FINE_CLASSES - 1;
    return (5 + (step & 3)) << (8 + step / 4);
}

#endif
