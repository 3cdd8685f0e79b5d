/* young: see young.h. */
#include "runtime/policy/young.h"

#include "runtime/policy/saturate.h"

enum { PENALTY_MAX = 63 };

/* cost / allocated, of a young and a full trace. */
static bool has_paid(const young_t *young, const young_trace_t *trace)
{
    double full = (double)young->full_cost_ns / (double)(young->full_bytes | 1);
    return (double)trace->cost_ns / (double)(trace->allocated | 1) <= full * 3 / 4;
}

static bool has_room(const young_t *young, const young_trace_t *trace)
{
    return subtract(trace->goal, trace->live) >= subtract(trace->goal, young->full_live) / 2;
}

static bool after_full(young_t *young, const young_trace_t *trace)
{
    young->full_live = trace->live;
    young->full_cost_ns = trace->cost_ns;
    young->full_bytes = trace->allocated;
    if (!young->skip)
        return true;
    young->skip--;
    return false;
}

bool young_is_next(young_t *young, const young_trace_t *trace)
{
    if (!trace->young)
        return after_full(young, trace);
    if (!has_paid(young, trace)) {
        young->penalty = least(2 * young->penalty + 1, PENALTY_MAX);
        young->skip = young->penalty;
        return false;
    }
    young->penalty = 0;
    return has_room(young, trace);
}

uint64_t young_floating(const young_t *young, const young_trace_t *trace)
{
    return trace->young ? subtract(trace->live, young->full_live) : 0;
}
