/* operations: the parts of the target: see operations.c. Each takes one step, and gives all back at the end
 * of an input. */
#ifndef WEIR_FUZZ_OPERATIONS_H
#define WEIR_FUZZ_OPERATIONS_H

#include <stdbool.h>

#include "tests/fuzz/fuzz.h"

/* A hard limit, or that of the account that the thread is in: an allocation may fail. */
extern bool operations_may_fail;

void manual_step(input_t *input);
void manual_end(void);
void arena_step(input_t *input);
void arena_end(void);
void pool_begin(void);
void pool_step(input_t *input);
void pool_end(void);
void collected_begin(void);
void collected_step(input_t *input);
void collected_end(void);

/* A size: mostly small, now and then of a page, of pages, of megabytes. */
static inline size_t operations_size(input_t *input)
{
    uint32_t kind = input_byte(input);
    if (kind < 160)
        return kind;
    if (kind < 240)
        return input_below(input, 8192);
    if (kind < 250)
        return (size_t)input_below(input, 65536) << 2;
    return (size_t)input_below(input, 65536) << 6;
}

#endif
