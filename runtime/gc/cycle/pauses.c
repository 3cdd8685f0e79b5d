/* pauses: see pauses.h. */
#include "runtime/gc/cycle/pauses.h"

#include <stdatomic.h>

static _Atomic uint64_t noted[PAUSES_KINDS][PAUSES_BUCKETS];
static double bounds[PAUSES_BUCKETS + 1];

/* Where a bucket begins: at 2^exponent * (4 + quarter) / 4. */
static uint64_t bound_ns(uint32_t bucket)
{
    uint32_t exponent = PAUSES_FIRST + (bucket - 1) / 4, quarter = (bucket - 1) % 4;
    return ((uint64_t)4 + quarter) << (exponent - 2);
}

__attribute__((constructor)) static void fill_bounds(void)
{
    for (uint32_t bucket = 1; bucket < PAUSES_BUCKETS; bucket++)
        bounds[bucket] = (double)bound_ns(bucket) * 1e-9;
    bounds[PAUSES_BUCKETS] = __builtin_inf();
}

static uint32_t pause_bucket(uint64_t ns)
{
    if (ns < (uint64_t)1 << PAUSES_FIRST)
        return 0;
    uint32_t exponent = 63 - (uint32_t)__builtin_clzll(ns);
    if (exponent >= PAUSES_LAST)
        return PAUSES_BUCKETS - 1;
    return 1 + (exponent - PAUSES_FIRST) * 4 + (uint32_t)(ns >> (exponent - 2) & 3);
}

void pauses_note(enum pauses_kind kind, uint64_t ns)
{
    atomic_fetch_add_explicit(&noted[kind][pause_bucket(ns)], 1, memory_order_relaxed);
}

void pauses_read(enum pauses_kind kind, uint64_t counts[PAUSES_BUCKETS])
{
    for (uint32_t bucket = 0; bucket < PAUSES_BUCKETS; bucket++)
        counts[bucket] = atomic_load_explicit(&noted[kind][bucket], memory_order_relaxed);
}

const double *pauses_bounds(void)
{
    return bounds;
}
