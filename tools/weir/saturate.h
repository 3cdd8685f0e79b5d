/* saturate: arithmetic on numbers that a file of the user's has. Such a number may be any; a result that does
 * not fit is the nearest number that does. Unsigned sums and differences are those of the runtime. */
#ifndef WEIR_TOOLS_SATURATE_H
#define WEIR_TOOLS_SATURATE_H

#include <limits.h>

#include "runtime/policy/saturate.h"

static inline uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static inline void add_to(uint64_t *sum, uint64_t value)
{
    *sum = add(*sum, value);
}

static inline int64_t add_signed(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}

static inline void add_to_signed(int64_t *sum, int64_t value)
{
    *sum = add_signed(*sum, value);
}

static inline int64_t subtract_signed(int64_t a, int64_t b)
{
    int64_t difference;
    return !__builtin_sub_overflow(a, b, &difference) ? difference : a < 0 ? INT64_MIN : INT64_MAX;
}

/* Without its sign. It always fits. */
static inline uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

static inline uint64_t to_unsigned(int64_t value)
{
    return value < 0 ? 0 : (uint64_t)value;
}

static inline int64_t to_signed(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* The whole part of a number; of what is none (NaN), 0. */
static inline uint64_t whole(double value)
{
    return value >= 0x1p64 ? UINT64_MAX : value > 0 ? (uint64_t)value : 0;
}

static inline int64_t whole_signed(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value >= -0x1p63 ? (int64_t)value : value < 0 ? INT64_MIN : 0;
}

/* A line of a source; 0, which is none, if it is beyond all lines. */
static inline int line_of(uint64_t number)
{
    return number < INT_MAX ? (int)number : 0;
}

#endif
