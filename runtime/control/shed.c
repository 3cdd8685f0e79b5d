/* shed: see shed.h. */
#include "runtime/control/shed.h"

#include "runtime/control/trim.h"
#include "runtime/cycle/shrinker.h"
#include "runtime/gc/cells/collected.h"

static struct {
    _Atomic uint64_t taken, bytes;
} rungs[WEIR_RUNGS];

static void count(weir_rung rung, size_t before)
{
    size_t after = pages_inuse();
    atomic_fetch_add_explicit(&rungs[rung].taken, 1, memory_order_relaxed);
    if (before > after)
        atomic_fetch_add_explicit(&rungs[rung].bytes, before - after, memory_order_relaxed);
}

/* How many bytes too many are in use, after idle memory went back; 0: it fits. */
static size_t excess(void)
{
    return pages_excess(false);
}

static bool limit_has_room_now(void)
{
    return pages_excess(true) == 0;
}

/* --- rungs --- */

/* Before an allocation is refused all threads are tended. */
static void shed_caches(void)
{
    size_t before = pages_inuse();
    trim_caches(pages_would_refuse());
    excess();
    count(WEIR_RUNG_CACHES, before);
}

/* Pools age by one cycle, or are emptied. */
static void shed_pools(weir_rung rung, enum cycle_reason reason)
{
    size_t before = pages_inuse();
    cycle_phase(CYCLE_AGE, reason);
    cycle_phase(CYCLE_SETTLE, reason);
    trim_own();
    excess();
    count(rung, before);
}

static size_t excess_of_own(void)
{
    trim_own(); /* what the last shrinker freed */
    return excess();
}

/* False: there is none. */
static bool shed_shrinkers(void)
{
    size_t before = pages_inuse(), bytes;
    if (shrinker_run(excess_of_own, &bytes) == 0)
        return false;
    count(WEIR_RUNG_SHRINKERS, before);
    return true;
}

static void shed_collection(void)
{
    size_t before = pages_inuse();
    if (!cycle_is_listened(CYCLE_TRACE))
        return;
    cycle_phase(CYCLE_TRACE, CYCLE_LIMIT);
    cycle_phase(CYCLE_SETTLE, CYCLE_LIMIT);
    trim_own();
    if (!limit_has_room_now())
        collected_trim();
    excess();
    count(WEIR_RUNG_COLLECTION, before);
}

void shed_tell(void)
{
    pages_pressure_t pressure = pages_tell_pressure();
    if (!pressure.callback)
        return;
    size_t before = pages_inuse();
    pressure.callback(pressure.context, pressure.inuse, pressure.limit);
    excess_of_own();
    count(WEIR_RUNG_CALLBACK, before);
}

/* Cells of other threads that pools and shrinkers have freed were sent to those threads, so the threads are
 * tended once more. */
void shed_run(void)
{
    bool asked = false;
    shed_caches();
    if (!limit_has_room_now() && cycle_is_listened(CYCLE_AGE)) {
        asked = true;
        shed_pools(WEIR_RUNG_VICTIMS, CYCLE_PRESSED);
        if (!limit_has_room_now())
            shed_pools(WEIR_RUNG_POOLS, CYCLE_LIMIT);
    }
    if (excess() > 0) {
        asked |= shed_shrinkers();
        if (asked && excess() > 0)
            shed_caches();
    }
    if (!limit_has_room_now())
        shed_collection();
    if (excess() > 0)
        shed_tell();
}

/* --- counts --- */

shed_count_t shed_count(weir_rung rung)
{
    if (rung == WEIR_RUNG_IDLE || rung == WEIR_RUNG_REFUSAL) {
        page_stats_t now = pages_stats();
        return rung == WEIR_RUNG_IDLE ? (shed_count_t){now.limit_releases, now.limit_released_pages * OS_PAGE}
                                      : (shed_count_t){now.refusals, 0};
    }
    return (shed_count_t){atomic_load_explicit(&rungs[rung].taken, memory_order_relaxed),
                          atomic_load_explicit(&rungs[rung].bytes, memory_order_relaxed)};
}
