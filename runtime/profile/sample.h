/* sample: which blocks are sampled, and how much a sample stands for.
 *
 * Each byte allocated is hit with probability 1/rate, and a block is sampled if one of its bytes is: the
 * distance from hit to hit is exponentially distributed, as in Go's runtime (mcache.nextSample) and jemalloc
 * (lg_prof_sample). So a block of n bytes is sampled with probability 1 - exp(-n / rate), and stands for 1 /
 * (1 - exp(-n / rate)) of its size (pprof does the same).
 */
#ifndef WEIR_PROFILE_SAMPLE_H
#define WEIR_PROFILE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One for a thread; all zero at first. */
typedef struct sampler {
    uint64_t random;
    int64_t until; /* bytes to the next hit */
} sampler_t;

/* Does one of the next `size` bytes get hit? rate > 0. */
bool sample_take(sampler_t *sampler, size_t size, uint64_t rate);

/* How many blocks of this size pass before one is hit. rate > 0; 1: none passes. */
uint32_t sample_skip(sampler_t *sampler, size_t size, uint64_t rate);

/* How many blocks of its size a sampled block stands for: at least 1. */
double sample_weight(size_t size, uint64_t rate);

#endif
