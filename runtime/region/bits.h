/* bits: runs of ones in a 64-bit word, which describes the slots of a chunk. */
#ifndef WEIR_REGION_BITS_H
#define WEIR_REGION_BITS_H

#include <stdint.h>

#include "runtime/region/region.h"

static inline uint64_t bits_run(uint32_t first, uint32_t count)
{
    return (count == CHUNK_SLOTS ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1) << first;
}

/* The lowest bits of all runs of `count` ones in the word; runs may overlap. */
static inline uint64_t bits_starts(uint64_t word, uint32_t count)
{
    for (uint32_t have = 1; have < count;) {
        uint32_t step = have < count - have ? have : count - have;
        word &= word >> step;
        have += step;
    }
    return word;
}

/* The slots of a chunk whose numbers are multiples of `alignment`. */
static inline uint64_t bits_multiples(size_t alignment)
{
    uint64_t word = 1;
    for (size_t bit = alignment; bit < CHUNK_SLOTS; bit += alignment)
        word |= (uint64_t)1 << bit;
    return word;
}

/* The longest run of ones that contains `bit`, which is one. */
static inline uint64_t bits_run_around(uint64_t word, uint32_t bit)
{
    uint64_t below = ~word & bits_run(0, bit), above = ~word & ~bits_run(0, bit);
    uint32_t first = below ? 64 - (uint32_t)__builtin_clzll(below) : 0;
    uint32_t end = above ? (uint32_t)__builtin_ctzll(above) : CHUNK_SLOTS;
    return bits_run(first, end - first);
}

#endif
