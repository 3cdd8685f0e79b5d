/* pacer: see pacer.h. All sums saturate: a percentage may be INT_MAX, and a goal beyond the address space
 * means no goal. */
#include "runtime/policy/pacer.h"

#include "runtime/policy/saturate.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

enum { THREADS_MOST = 8 };

static uint64_t percent_of(uint64_t bytes, int percent)
{
    unsigned __int128 product = (unsigned __int128)bytes * (unsigned)percent / 100;
    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

/* The least growth that is worth a cycle. */
static uint64_t step_of(const pacer_t *pacer)
{
    return most(KIB(256), pacer->live / 128);
}

static uint64_t percent_goal(const pacer_t *pacer)
{
    if (pacer->gc_percent < 0)
        return PACER_NONE;
    uint64_t growth = percent_of(add(pacer->live, pacer->roots), pacer->gc_percent);
    return most(add(pacer->live, growth), percent_of(pacer->threads * MIB(4), pacer->gc_percent));
}

static uint64_t limit_goal(const pacer_t *pacer)
{
    if (pacer->limit == PACER_NONE)
        return PACER_NONE;
    uint64_t room = subtract(pacer->limit, pacer->outside);
    return room - least(most(room / 100 * 3, MIB(1)), room / 2);
}

/* The lower bound is Go's: with an earlier start a fast program would be in a cycle nearly all the time. */
static uint64_t trigger_for(const pacer_t *pacer, uint64_t goal)
{
    if (goal == PACER_NONE)
        return PACER_NONE;
    uint64_t earliest = pacer->live + (goal - pacer->live) / 64 * 45;
    return most(earliest, subtract(goal, pacer->runway));
}

static void set_trigger(pacer_t *pacer)
{
    uint64_t floor = add(pacer->live, step_of(pacer));
    uint64_t by_percent = most(percent_goal(pacer), floor);
    uint64_t by_limit = most(limit_goal(pacer), floor);
    pacer->limited = by_limit < by_percent;
    pacer->goal = least(by_percent, by_limit);
    pacer->trigger = trigger_for(pacer, pacer->goal);
    pacer->percent_trigger = trigger_for(pacer, by_percent);
}

void pacer_init(pacer_t *pacer, int gc_percent, uint64_t limit, uint64_t runway, unsigned cores)
{
    *pacer = (pacer_t){.gc_percent = gc_percent, .limit = limit, .runway = runway, .threads = 1};
    limiter_init(&pacer->limiter, cores);
    set_trigger(pacer);
}

void pacer_set_gc_percent(pacer_t *pacer, int gc_percent)
{
    pacer->gc_percent = gc_percent;
    set_trigger(pacer);
}

void pacer_set_limit(pacer_t *pacer, uint64_t limit)
{
    pacer->limit = limit;
    set_trigger(pacer);
}

void pacer_set_runway(pacer_t *pacer, uint64_t runway)
{
    pacer->runway = runway;
    set_trigger(pacer);
}

void pacer_set_cores(pacer_t *pacer, unsigned cores)
{
    limiter_set_cores(&pacer->limiter, cores);
}

void pacer_set_outside(pacer_t *pacer, uint64_t outside)
{
    pacer->outside = outside;
    set_trigger(pacer);
}

/* While the limiter is on, the trigger moves up one step at a time. To ask once a step costs nothing compared
 * with allocating the step, and notices soon that the bucket has drained. Without a limit, trigger and
 * percent_trigger are the same. */
bool pacer_wants_cycle(pacer_t *pacer, uint64_t heap, uint64_t request, uint64_t program_ns)
{
    uint64_t grown = add(heap, request);
    limiter_drain(&pacer->limiter, program_ns);
    if (grown < pacer->trigger || subtract(heap, pacer->live) < step_of(pacer) / 4)
        return false;
    if (!pacer->limiter.on || grown >= pacer->percent_trigger)
        return true;
    pacer->trigger = least(add(grown, step_of(pacer)), pacer->percent_trigger);
    return false;
}

uint64_t pacer_allowance(uint64_t began, uint64_t goal, uint64_t marked, uint64_t live)
{
    if (marked >= live)
        live = marked < began ? marked + (began - marked) / 2 : marked;
    if (goal == PACER_NONE || marked >= live)
        return goal;
    return began + (uint64_t)((unsigned __int128)(subtract(goal, began) / 8 * 7) * marked / live);
}

uint64_t pacer_bound(const pacer_t *pacer)
{
    return pacer->limited ? pacer->goal : add(pacer->goal, subtract(pacer->goal, pacer->live) / 32);
}

uint64_t pacer_wanted(uint64_t allocated, uint64_t beside_ns, uint64_t waited_ns, double rate)
{
    double beside = (double)beside_ns, ran = beside - (double)least(waited_ns, beside_ns);
    double by_rate = beside * rate, by_share = ran > 0 ? (double)allocated * (beside / ran) : by_rate;
    double wanted = ran * 2 < beside ? by_rate : by_share;
    return most(add(allocated, allocated / 8), (uint64_t)wanted);
}

void pacer_end_cycle(pacer_t *pacer, const pacer_cycle_t *cycle)
{
    pacer->live = cycle->live;
    pacer->roots = cycle->roots;
    pacer->outside = cycle->outside;
    pacer->threads = most(most(1, pacer->threads - 1), least(cycle->threads, THREADS_MOST));
    pacer->cycles++;
    limiter_drain(&pacer->limiter, cycle->program_ns);
    limiter_fill(&pacer->limiter, cycle->collector_ns);
    if (pacer->limiter.on)
        pacer->limiter_cycle = pacer->cycles;
    set_trigger(pacer);
}
