/* cost: how long malloc and free take for a block that is allocated and freed at once, measured on this
 * machine on weir. A program whose blocks lie further apart in time and memory pays more. */
#ifndef WEIR_TOOLS_ADVISE_COST_H
#define WEIR_TOOLS_ADVISE_COST_H

#include <stdbool.h>
#include <stdint.h>

enum { COST_SIZES = 16 };

typedef struct cost {
    uint32_t count;
    uint64_t sizes[COST_SIZES]; /* bytes, ascending */
    double ns[COST_SIZES];
} cost_t;

/* Measure in this process, and print size and nanoseconds, one line each. */
int cost_print(void);

/* Have it measured by this command in a process of its own, on weir; the environment has the library. Empty
 * if that fails. */
cost_t cost_measure(void);

/* Of a pair of malloc and free; 0: it was not measured. */
double cost_of(const cost_t *cost, uint64_t size);

#endif
