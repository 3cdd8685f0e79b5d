/* range: addresses from one up to another: [from, to). */
#ifndef WEIR_BASE_RANGE_H
#define WEIR_BASE_RANGE_H

#include <stdint.h>

typedef struct range {
    uintptr_t from, to;
} range_t;

#endif
