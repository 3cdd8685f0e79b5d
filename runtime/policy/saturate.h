/* saturate: sums and differences of sizes and times that stay within what a word can hold. */
#ifndef WEIR_POLICY_SATURATE_H
#define WEIR_POLICY_SATURATE_H

#include <stddef.h>
#include <stdint.h>

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "sizes and times are of one type here");

static inline uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t subtract(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

#endif
