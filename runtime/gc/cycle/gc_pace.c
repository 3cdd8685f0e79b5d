/* gc_pace: connects the cycle with the pacer (pacer.h): it tells the pacer sizes and times, and takes the
 * next trigger from it. It also keeps the figures of all cycles, for events and for readers.
 */
#include "runtime/control/control.h"
#include "runtime/cycle/percent.h"
#include "runtime/gc/cycle/background.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/gc_state.h"
#include "runtime/gc/cycle/waits.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/policy/saturate.h"
#include "runtime/process/processors.h"

/* If a thread cannot be stopped, the next cycle is put off by RETRY_TIMES the time that the others stood
 * still, within these bounds. */
enum { RETRY_TIMES = 10 };
static const uint64_t RETRY_LEAST_NS = 100000000u, RETRY_MOST_NS = 10000000000u;

gc_state_t gc = {.lock = LOCK_INIT(LOCK_RANK_GC), .trigger = PACER_NONE};

/* --- before a cycle --- */

static uint64_t limit_now(void)
{
    int64_t limit = pages_soft_room();
    return limit == INT64_MAX ? PACER_NONE : (uint64_t)limit;
}

/* All that is held, less idle memory, less the `usable` bytes of collected memory. */
uint64_t gc_outside_of(uint64_t usable)
{
    page_stats_t held = pages_stats();
    uint64_t bytes = (held.pages_inuse + held.pages_slack) * OS_PAGE + held.huge_inuse +
                     region_table_bytes() + held.metadata;
    return bytes > usable ? bytes - usable : 0;
}

/* Processors that idle count, too: see pacer_cycle_t. */
uint64_t gc_program_time(void)
{
    uint64_t now = os_now_ns(), passed = now - gc.told_ns;
    gc.told_ns = now;
    return passed * gc.cores;
}

/* A sequence lock: a reader that overlaps a write reads again. */
static void publish(void)
{
    gc.stats.goal = gc.pacer.goal;
    gc.stats.bound = pacer_bound(&gc.pacer);
    gc.stats.limiter_cycle = gc.pacer.limiter_cycle;
    const uint64_t *from = (const uint64_t *)&gc.stats;
    uint64_t *to = (uint64_t *)&gc.published;
    atomic_fetch_add_explicit(&gc.version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < sizeof gc.stats / sizeof *to; i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
    atomic_fetch_add_explicit(&gc.version, 1, memory_order_release);
}

void gc_pace_start(void)
{
    gc.told_ns = os_now_ns();
    gc.cores = processors_available();
    pacer_init(&gc.pacer, percent_get(), limit_now(), GC_RUNWAY, gc.cores);
    gc.trigger = gc.pacer.trigger;
    publish();
}

/* A thread that is not in the child may have been writing. */
void gc_pace_after_fork_child(void)
{
    gc.version += gc.version % 2;
}

/* Tell listeners of the goal if it has changed, be it by a cycle or by a knob. */
static void tell_of_goal(void)
{
    uint64_t goal = gc.pacer.goal;
    if (goal == gc.told_goal)
        return;
    gc.told_goal = goal;
    publish();
    event_tell(&(weir_event){.goal = goal}, WEIR_EVENT_GOAL_CHANGED);
}

void gc_pace_by_knobs(void)
{
    if (gc.pacer.gc_percent != percent_get())
        pacer_set_gc_percent(&gc.pacer, percent_get());
    if (gc.pacer.limit != limit_now())
        pacer_set_limit(&gc.pacer, limit_now());
    gc.trigger = gc.pacer.trigger;
    tell_of_goal();
}

bool gc_knobs_have_turned(void)
{
    return gc.pacer.gc_percent != percent_get() || gc.pacer.limit != limit_now();
}

/* --- after a cycle --- */

/* CPU time. A stop takes all processors. */
static uint64_t collector_time(const trace_result_t *result)
{
    uint64_t stopped = result->stop_ns + result->mark_ns + result->start_ns;
    uint64_t with_all = result->spare_ns + result->rounds_ns;
    return stopped * gc.cores + with_all * least(result->members, gc.cores) +
           (result->beside_ns - with_all) * result->beside_members;
}

static uint64_t program_time_beside(const trace_result_t *result)
{
    return result->beside_ns * (gc.cores > result->beside_members ? gc.cores - result->beside_members : 0);
}

/* The time in which threads wait for the trace counts as the collector's. Else, with more live than the
 * limit, the program would wait for one trace after the other, and the limiter would not know. */
static uint64_t waited_beside(const trace_result_t *result)
{
    return least(result->wait_ns, program_time_beside(result));
}

void gc_note_cycle(const trace_result_t *result, bool forced)
{
    size_t place = gc.stats.cycles % 256;
    uint64_t pause = result->stop_ns + result->mark_ns + result->start_ns;
    gc.stats.pauses[place] = pause;
    gc.stats.pause_ends[place] = gc.stats.last_end_ns = os_wall_clock_ns();
    gc.stats.pause_total_ns += pause;
    if (result->longest > gc.stats.pause_max_ns)
        gc.stats.pause_max_ns = result->longest;
    gc.stats.collector_ns += collector_time(result) + background_take_collapse_ns();
    gc.stats.stopped_ns += pause * gc.cores;
    gc.stats.available_ns = (os_now_ns() - control_started_ns()) * gc.cores;
    gc.stats.cycles++;
    gc.stats.forced += forced;
    gc.stats.live = result->found.bytes;
    gc.stats.objects = result->found.objects;
}

/* The brake would make threads wait in the next trace, too: so with it they want no more than they had. */
static uint64_t wanted_beside(const trace_result_t *result)
{
    unsigned threads = collected_threads();
    uint64_t waited = (result->wait_ns - result->braked_ns) / (threads ? threads : 1);
    return pacer_wanted(result->allocated, result->beside_ns, waited, gc.rate);
}

/* Beside a full trace the program also writes to pages of new objects: about as many as it allocates. */
static uint64_t old_pages_written(const trace_result_t *result)
{
    size_t bytes = result->young ? result->written_before : subtract(result->written[0], result->allocated);
    return bytes / OS_PAGE;
}

bool gc_pace_young(const trace_result_t *result, enum cycle_reason reason, uint64_t heap)
{
    young_end_cycle(&gc.young, &(young_cycle_t){.young = result->young,
                                                .by_growth = reason == CYCLE_GROWTH,
                                                .possible = result->keeps_marks && !gc.pacer.limited,
                                                .heap = heap,
                                                .live = result->found.bytes,
                                                .goal = gc.pacer.goal,
                                                .collector_ns = collector_time(result),
                                                .passed_ns = os_now_ns() - gc.ended_ns,
                                                .pages = old_pages_written(result)});
    return gc.young.next;
}

void gc_pace_refuse_young(void)
{
    young_refuse(&gc.young);
    pacer_set_runway(&gc.pacer, most(gc.runways[false], GC_RUNWAY));
    gc.trigger = gc.pacer.trigger;
}

/* The runway of each kind of trace shrinks by at most a quarter in a cycle. */
void gc_pace_runway(const trace_result_t *result)
{
    uint64_t *runway = &gc.runways[result->young];
    uint64_t needed = result->beside ? wanted_beside(result) : 0;
    uint64_t known = *runway / 4 * 3;
    *runway = most(most(needed, known), GC_RUNWAY);
    pacer_set_runway(&gc.pacer, gc.runways[gc.young.next] ? gc.runways[gc.young.next] : *runway);
}

/* The rate of allocation since the end of the last trace. */
void gc_note_rate(void)
{
    uint64_t now = os_now_ns();
    double bytes = (double)(int64_t)collected_bytes_since;
    gc.rate = bytes > 0 && gc.ended_ns ? bytes / (double)(now - gc.ended_ns + 1) : 0;
}

void gc_describe_cycle(weir_event *event, trace_result_t *result)
{
    waits_t waits = waits_take();
    result->waits = waits.count;
    result->wait_ns = waits.ns;
    result->braked_ns = least(atomic_exchange(&gc.braked_ns, 0), waits.ns);
    trace_note(result);
    event->stop_ns = result->stop_ns;
    event->mark_ns = result->mark_ns;
    event->start_ns = result->start_ns;
}

void gc_pace_by_cycle(const trace_result_t *result, uint64_t outside, uint64_t program_ns)
{
    gc.told_ns = gc.ended_ns = os_now_ns();
    pacer_end_cycle(
        &gc.pacer,
        &(pacer_cycle_t){.live = result->young ? gc.young.full_live : result->found.bytes,
                         .roots = result->found.root_bytes,
                         .threads = collected_threads(),
                         .outside = outside,
                         .collector_ns = collector_time(result) + waited_beside(result),
                         .program_ns = program_ns + program_time_beside(result) - waited_beside(result)});
    gc.trigger = gc.pacer.trigger;
    publish();
}

void gc_put_off(uint64_t stood_ns)
{
    uint64_t ns = RETRY_TIMES * stood_ns;
    ns = ns < RETRY_LEAST_NS ? RETRY_LEAST_NS : ns > RETRY_MOST_NS ? RETRY_MOST_NS : ns;
    gc.not_before_ns = os_now_ns() + ns;
}

void gc_tell_of_pace(weir_event *event, bool limiter_was_on)
{
    if (gc.pacer.limiter.on != limiter_was_on)
        event_tell(event, limiter_was_on ? WEIR_EVENT_LIMITER_OFF : WEIR_EVENT_LIMITER_ON);
    tell_of_goal();
}

/* --- the figures --- */

/* A turned knob shows at once, unless a cycle is under way. */
gc_stats_t gc_read_stats(void)
{
    gc_stats_t stats;
    const uint64_t *from = (const uint64_t *)&gc.published;
    uint64_t *to = (uint64_t *)&stats;
    uint32_t before, after;
    if (gc.started && gc_knobs_have_turned() && lock_try(&gc.lock)) {
        gc_pace_by_knobs();
        lock_release(&gc.lock);
    }
    do {
        before = atomic_load_explicit(&gc.version, memory_order_acquire);
        for (size_t i = 0; i < sizeof stats / sizeof *to; i++)
            to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&gc.version, memory_order_relaxed);
        if (before % 2 == 1)
            os_yield();
    } while (before % 2 == 1 || before != after);
    stats.heap = gc_heap_bytes();
    return stats;
}
