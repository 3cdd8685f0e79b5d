/* limiter: see limiter.h. */
#include "runtime/policy/limiter.h"

static const uint64_t NS_A_CORE = 1000000000;

void limiter_init(limiter_t *limiter, unsigned cores)
{
    *limiter = (limiter_t){.fill = 0};
    limiter_set_cores(limiter, cores);
}

static void set_fill(limiter_t *limiter, uint64_t fill)
{
    limiter->fill = fill;
    limiter->on = fill >= limiter->capacity;
}

void limiter_set_cores(limiter_t *limiter, unsigned cores)
{
    limiter->capacity = cores * NS_A_CORE;
    set_fill(limiter, limiter->fill);
}

/* What stood above the brim before this cycle is forgotten: a cycle may start in spite of the limiter (a
 * forced one, or one that the percentage asks for), and a row of those must not keep it on for hours. */
void limiter_fill(limiter_t *limiter, uint64_t collector_ns)
{
    uint64_t brim = limiter->fill < limiter->capacity ? limiter->fill : limiter->capacity;
    set_fill(limiter, brim + collector_ns);
}

void limiter_drain(limiter_t *limiter, uint64_t program_ns)
{
    set_fill(limiter, limiter->fill > program_ns ? limiter->fill - program_ns : 0);
}
