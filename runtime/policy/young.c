/* young: see young.h. */
#include "runtime/policy/young.h"

enum { PUT_OFF_FIRST = 2, PUT_OFF_MOST = 64 };            /* full cycles */
enum { ROW_MOST = 16, ALWAYS_ROW = 7 /* if `always` */ }; /* young ones, one after the other */

/* A first write to a protected page, in nanoseconds: the fault, and the entries of a huge page that it
 * splits. */
enum { FAULT_NS = 2500 };

static uint64_t freed_by(const young_cycle_t *cycle)
{
    return cycle->heap > cycle->live ? cycle->heap - cycle->live : 1;
}

static double cost_of(const young_cycle_t *cycle)
{
    double faults = cycle->young ? (double)cycle->pages * FAULT_NS : 0;
    return ((double)cycle->collector_ns + faults) / (double)freed_by(cycle);
}

/* Was it less than 1/share of the pages that hold what is live? */
static bool wrote_less(const young_cycle_t *cycle, uint32_t share)
{
    enum { PAGE = 4096 };
    return cycle->pages < cycle->live / PAGE / share;
}

/* Was most of what came since the last cycle garbage? While a program builds its data, it is not. */
static bool most_died(const young_t *young, const young_cycle_t *cycle)
{
    uint64_t came = cycle->heap > young->live ? cycle->heap - young->live : 0;
    return freed_by(cycle) > came / 2;
}

static void put_off(young_t *young)
{
    uint32_t by = young->put_off_by ? young->put_off_by * 2 : PUT_OFF_FIRST;
    young->put_off = young->put_off_by = by < PUT_OFF_MOST ? by : PUT_OFF_MOST;
}

static bool has_room(const young_t *young, const young_cycle_t *cycle)
{
    uint64_t grown = cycle->live > young->full_live ? cycle->live - young->full_live : 0;
    uint64_t way = cycle->goal > young->full_live ? cycle->goal - young->full_live : 0;
    return grown < way / 4;
}

/* A trial costs the program some of its speed. Where the collector takes less, there is no more to win. */
static bool takes_much(const young_cycle_t *cycle)
{
    return cycle->collector_ns > cycle->passed_ns / 5;
}

/* Where the way to the goal is short, what a young cycle leaves takes most of it. GOGC=50 is enough, and
 * GOGC=25 is not; between the two, `live` may differ from what the goal was made of. */
static bool has_way(const young_cycle_t *cycle)
{
    return cycle->goal >= cycle->live + cycle->live / 8 * 3;
}

static bool may_pay(const young_t *young, const young_cycle_t *cycle)
{
    return cycle->by_growth && cycle->live >= YOUNG_LIVE_MIN && has_way(cycle) && most_died(young, cycle) &&
           wrote_less(cycle, 16) && takes_much(cycle);
}

static bool after_full(young_t *young, const young_cycle_t *cycle)
{
    young->in_row = 0;
    young->full_live = cycle->live;
    bool pays = may_pay(young, cycle);
    if (cycle->by_growth) {
        young->full_cost = cost_of(cycle);
        young->may_pay = pays;
    }
    if (young->next) {
        put_off(young);
        return false;
    }
    if (young->put_off > 0) {
        young->put_off--;
        return false;
    }
    return pays;
}

static bool after_young(young_t *young, const young_cycle_t *cycle)
{
    young->in_row++;
    if (cost_of(cycle) > young->full_cost * 0.75 || !wrote_less(cycle, 8)) {
        put_off(young);
        return false;
    }
    young->put_off_by = 0;
    return young->in_row < ROW_MOST && has_room(young, cycle);
}

void young_refuse(young_t *young)
{
    if (!young->always)
        put_off(young);
    young->next = false;
}

bool young_would_follow(const young_t *young)
{
    return young->always || young->next || (young->may_pay && young->put_off == 0);
}

void young_end_cycle(young_t *young, const young_cycle_t *cycle)
{
    bool pays = cycle->young ? after_young(young, cycle) : after_full(young, cycle);
    bool is_tested = young->always && young->in_row < ALWAYS_ROW;
    young->next = cycle->possible && (is_tested || (pays && !young->always));
    young->live = cycle->live;
}
