/* gc: see gc.h. */
#include "runtime/collect/gc.h"

#include <errno.h>
#include <string.h>

#include "runtime/collect/background.h"
#include "runtime/collect/finalize.h"
#include "runtime/collect/gctrace.h"
#include "runtime/collect/mark.h"
#include "runtime/collect/pacer.h"
#include "runtime/collect/path.h"
#include "runtime/collect/roots.h"
#include "runtime/collect/side_table.h"
#include "runtime/collect/stacks.h"
#include "runtime/collect/trace.h"
#include "runtime/collect/workers.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/control.h"
#include "runtime/heap/cycle.h"
#include "runtime/heap/event.h"
#include "runtime/heap/fork.h"
#include "runtime/heap/origin.h"
#include "runtime/heap/profile.h"
#include "runtime/heap/upcall.h"
#include "runtime/heap/world.h"
#include "runtime/os/dirty.h"
#include "runtime/os/filter.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/os/processors.h"
#include "runtime/os/signal.h"
#include "runtime/pages/pages.h"

/* Marking less than this takes longer to share than to do. */
enum { SHARED_MIN = 4 * 1024 * 1024 };
/* After a thread could not be stopped: so many times as long as the others stood for nothing, but within
 * these bounds. */
enum { RETRY_TIMES = 10 };
static const uint64_t RETRY_LEAST_NS = 100000000u, RETRY_MOST_NS = 10000000000u;
/* Handed out at a time, at least: what the heap may grow by between two questions. */
enum { RUNWAY = 64 * 1024 };

static struct {
    lock_t lock; /* held throughout a cycle */
    pacer_t pacer;
    _Atomic bool started;
    unsigned cores;
    uint64_t told_ns;  /* when the pacer was last told of the program's time */
    uint64_t ended_ns; /* when the last trace ended */
    double rate;       /* bytes allocated in a nanosecond, from then to the beginning of the next */
    gc_stats_t stats;
    gc_counts_t counts;       /* of them and of the pacer, for readers without the lock; written by publish */
    _Atomic uint32_t version; /* of counts; odd: they are being written */
    uint64_t told_goal;       /* by the last event */
    uint64_t not_before_ns;   /* after a stop that failed: no collection but one that was asked for */
    _Atomic uint64_t trigger; /* the pacer's */
    _Atomic uint64_t live;    /* marked by the last cycle */
    _Atomic int disabled;     /* by so many calls */
    uint32_t forbidden;       /* by so many scopes of all threads */
    _Atomic uint64_t waits,
        wait_ns; /* of threads that came to the goal while a trace went on beside them; since the last */
} gc = {.lock = LOCK_INIT(LOCK_RANK_GC), .trigger = PACER_NONE};

/* Of them, the calling thread's: the only ones that a child of fork has. */
static __thread uint32_t forbidden_here;
/* Of the calling thread's stack nothing counts below it; NULL: what is in use does. */
static __thread const origin_frame_t *looks_from;
/* A thread waits for what the next cycle finds. One at a time. */
static _Atomic bool looking;
/* The frame from which the calling thread went into the cycle; 0: not known. Below it is the runtime alone,
 * and sweeping has left addresses of objects there. */
static __thread uintptr_t entered_at;

/* --- pacing; under the lock --- */

/* What was free in a thread's allocation buffer at the trace is counted by neither, and may be freed by hand. */
static uint64_t heap_bytes(void)
{
    uint64_t bytes = gc.live + collected_bytes_since;
    return (int64_t)bytes < 0 ? 0 : bytes;
}

static uint64_t limit_now(void)
{
    int64_t limit = pages_soft_room();
    return limit == INT64_MAX ? PACER_NONE : (uint64_t)limit;
}

/* Held, but neither idle nor, of what is collected, `usable`. */
static uint64_t outside_of(uint64_t usable)
{
    page_stats_t held = pages_stats();
    uint64_t bytes = (held.pages_inuse + held.pages_slack) * OS_PAGE + held.huge_inuse +
                     region_table_bytes() + held.metadata;
    return bytes > usable ? bytes - usable : 0;
}

/* On all processors, as the pacer wants it. */
static uint64_t program_time(void)
{
    uint64_t now = os_now_ns(), passed = now - gc.told_ns;
    gc.told_ns = now;
    return passed * gc.cores;
}

/* A sequence lock: a reader that overlaps a write reads again. */
static void publish(void)
{
    const gc_counts_t now = {.cycles = gc.stats.cycles,
                             .forced = gc.stats.forced,
                             .goal = gc.pacer.goal,
                             .live = gc.stats.live,
                             .pause_max_ns = gc.stats.pause_max_ns,
                             .collector_ns = gc.stats.collector_ns,
                             .available_ns = gc.stats.available_ns,
                             .limiter_cycle = gc.pacer.limiter_cycle};
    const uint64_t *from = (const uint64_t *)&now;
    uint64_t *to = (uint64_t *)&gc.counts;
    atomic_fetch_add_explicit(&gc.version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < sizeof now / sizeof *to; i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
    atomic_fetch_add_explicit(&gc.version, 1, memory_order_release);
}

static void pace_start(void)
{
    gc.told_ns = os_now_ns();
    gc.cores = processors_available();
    pacer_init(&gc.pacer, control_gc_percent(), limit_now(), RUNWAY, gc.cores);
    gc.trigger = gc.pacer.trigger;
    publish();
    gc.started = true;
}

/* Whether a cycle or a knob has changed it. */
static void tell_of_goal(void)
{
    uint64_t goal = gc.pacer.goal;
    if (goal == gc.told_goal)
        return;
    gc.told_goal = goal;
    publish();
    event_tell(&(weir_event){.goal = goal}, WEIR_EVENT_GOAL_CHANGED);
}

static void pace_by_knobs(void)
{
    if (gc.pacer.gc_percent != control_gc_percent())
        pacer_set_gc_percent(&gc.pacer, control_gc_percent());
    if (gc.pacer.limit != limit_now())
        pacer_set_limit(&gc.pacer, limit_now());
    gc.trigger = gc.pacer.trigger;
    tell_of_goal();
}

static bool knobs_have_turned(void)
{
    return gc.pacer.gc_percent != control_gc_percent() || gc.pacer.limit != limit_now();
}

/* --- the cycle; under the lock --- */

/* On all processors. */
static uint64_t collector_time(const trace_result_t *result)
{
    uint64_t stopped = result->stop_ns + result->mark_ns + result->start_ns;
    return stopped * gc.cores + result->beside_ns * result->beside_members;
}

static uint64_t program_time_beside(const trace_result_t *result)
{
    return result->beside_ns * (gc.cores > result->beside_members ? gc.cores - result->beside_members : 0);
}

static void note_cycle(const trace_result_t *result, bool forced)
{
    size_t place = gc.stats.cycles % 256;
    uint64_t pause = result->stop_ns + result->mark_ns + result->start_ns;
    gc.stats.pauses[place] = pause;
    gc.stats.pause_ends[place] = gc.stats.last_end_ns = os_wall_clock_ns();
    gc.stats.pause_total_ns += pause;
    if (result->longest > gc.stats.pause_max_ns)
        gc.stats.pause_max_ns = result->longest;
    gc.stats.collector_ns += collector_time(result);
    gc.stats.available_ns = (os_now_ns() - control_started_ns()) * gc.cores;
    gc.stats.cycles++;
    gc.stats.forced += forced;
    gc.stats.live = result->found.bytes;
    gc.stats.objects = result->found.objects;
}

/* What the program would have allocated beside this trace, had it not waited: as much as before it, in the
 * same time, and a quarter more. */
static void pace_runway(const trace_result_t *result)
{
    uint64_t needed = result->beside ? (uint64_t)((double)result->beside_ns * gc.rate * 1.25) : 0;
    uint64_t known = gc.pacer.runway / 4 * 3;
    needed = needed > known ? needed : known;
    pacer_set_runway(&gc.pacer, needed > RUNWAY ? needed : RUNWAY);
}

/* Since the last trace. */
static void note_rate(void)
{
    uint64_t now = os_now_ns();
    double bytes = (double)(int64_t)collected_bytes_since;
    gc.rate = bytes > 0 && gc.ended_ns ? bytes / (double)(now - gc.ended_ns + 1) : 0;
}

static void describe_cycle(weir_event *event, trace_result_t *result)
{
    result->waits = atomic_exchange(&gc.waits, 0);
    result->wait_ns = atomic_exchange(&gc.wait_ns, 0);
    trace_note(result);
    event->stop_ns = result->stop_ns;
    event->mark_ns = result->mark_ns;
    event->start_ns = result->start_ns;
}

static void pace_by_cycle(const trace_result_t *result, uint64_t outside, uint64_t program_ns)
{
    gc.told_ns = gc.ended_ns = os_now_ns();
    pace_runway(result);
    pacer_end_cycle(&gc.pacer, &(pacer_cycle_t){.live = result->found.bytes,
                                                .roots = result->found.root_bytes,
                                                .outside = outside,
                                                .collector_ns = collector_time(result),
                                                .program_ns = program_ns + program_time_beside(result)});
    gc.trigger = gc.pacer.trigger;
    gc.stats.goal = gc.pacer.goal;
    publish();
}

static void put_off_cycle(uint64_t stood_ns)
{
    uint64_t ns = RETRY_TIMES * stood_ns;
    ns = ns < RETRY_LEAST_NS ? RETRY_LEAST_NS : ns > RETRY_MOST_NS ? RETRY_MOST_NS : ns;
    gc.not_before_ns = os_now_ns() + ns;
}

static void tell_of_pace(weir_event *event, bool limiter_was_on)
{
    if (gc.pacer.limiter.on != limiter_was_on)
        event_tell(event, limiter_was_on ? WEIR_EVENT_LIMITER_OFF : WEIR_EVENT_LIMITER_ON);
    tell_of_goal();
}

static uint32_t members_wanted(void)
{
    return options.gcworkers > 0 ? (uint32_t)options.gcworkers : gc.cores;
}

static void collect(heap_t *self, enum cycle_reason reason)
{
    if (!roots_are_open())
        return;
    size_t heap = heap_bytes();
    trace_request_t request = {.entered_at = entered_at,
                               .from = looks_from,
                               .looks = looking,
                               .members = workers_ready(members_wanted()),
                               .alone = heap < SHARED_MIN};
    if (!mark_prepare(request.members))
        return;
    uint64_t program_ns = program_time(), outside = outside_of(collected_bytes_held);
    collected_sweep_rest();
    note_rate();
    weir_event event = {.reason = cycle_event_reason(reason),
                        .collection = gc.stats.cycles + 1,
                        .heap_began = heap,
                        .goal = gc.pacer.goal,
                        .processors = gc.cores};
    uint64_t began = os_now_ns();
    trace_result_t result;
    if (!trace_run(&request, reason != CYCLE_LIMIT && trace_is_beside(heap, &request), &event, &result)) {
        put_off_cycle(os_now_ns() - began);
        return;
    }
    gc.live = result.found.bytes;
    note_cycle(&result, reason == CYCLE_FORCED);
    describe_cycle(&event, &result);
    bool limiter_was_on = gc.pacer.limiter.on;
    pace_by_cycle(&result, outside, program_ns);
    collected_release_dead(self);
    event.collector_cpu_ns = gc.stats.collector_ns;
    event.available_cpu_ns = gc.stats.available_ns;
    event_tell(&event, WEIR_EVENT_COLLECTED);
    tell_of_pace(&event, limiter_was_on);
}

bool gc_is_permitted(void)
{
    return filter_permits(FILTER_PROC) && (filter_permits(FILTER_TRACE) || filter_permits(FILTER_SIGNAL));
}

/* --- the listeners of the runtime's cycle --- */

/* No handler of the program's runs in the middle of it: it may fork, or install a filter of system calls. */
static void collect_undisturbed(heap_t *self, enum cycle_reason reason)
{
    uint64_t signals = os_block_heard_signals();
    collect(self, reason);
    os_restore_signals(signals);
}

/* Under the lock. */
static bool may_trace(enum cycle_reason reason)
{
    bool is_put_off = reason != CYCLE_FORCED && (gc.disabled > 0 || os_now_ns() < gc.not_before_ns);
    return collected_is_used() && !gc.forbidden && !is_put_off && gc_is_permitted() && world_is_ours();
}

static void trace(void *context, enum cycle_reason reason)
{
    (void)context;
    lock_acquire(&gc.lock);
    pace_by_knobs();
    if (may_trace(reason))
        collect_undisturbed(cache.heap, reason);
    lock_release(&gc.lock);
    background_traced();
}

/* Threads that the trace will need, if there is one. */
static void gather(void *context, enum cycle_reason reason)
{
    (void)context;
    lock_acquire(&gc.lock);
    bool will_trace = may_trace(reason) && roots_are_open();
    lock_release(&gc.lock);
    if (will_trace)
        workers_start(members_wanted());
}

static void settle(void *context, enum cycle_reason reason)
{
    (void)context, (void)reason;
    finalize_wake_after_cycle();
}

/* A trace that goes on beside the program ends before the fork, if it ends soon. */
static bool before_fork(void)
{
    trace_hurry();
    if (!lock_acquire_soon(&gc.lock))
        return false;
    if (side_table_before_fork())
        return true;
    lock_release(&gc.lock);
    return false;
}

static void after_fork(bool child)
{
    if (child)
        workers_forget(); /* only a cycle changes it, in which no handler runs: so also where the lock is held below the handler */
    if (child && lock_may_repair(&gc.lock) && side_table_may_repair()) {
        roots_after_fork_child();
        background_after_fork_child();
        dirty_close();
        finalize_after_fork_child();
        gc.forbidden = forbidden_here;
    }
    side_table_after_fork(child);
    lock_after_fork(&gc.lock, child);
}

/* At the first use of collected memory. */
COLD static void start_collector(void)
{
    static _Atomic int state; /* 0 not yet, 1 a thread does it, or has */
    int expected = 0;
    if (!atomic_compare_exchange_strong(&state, &expected, 1))
        return;
    lock_acquire(&gc.lock);
    pace_start();
    if (options.leaks)
        gc.disabled++;
    if (options.gctrace)
        gctrace_listen();
    lock_release(&gc.lock);
    fork_call(LOCK_RANK_GC, before_fork, after_fork);
    cycle_listen(CYCLE_GATHER, gather, NULL);
    cycle_listen(CYCLE_TRACE, trace, NULL);
    cycle_listen(CYCLE_SETTLE, settle, NULL);
}

/* --- the entries --- */

/* The program's registers are in this frame. */
COLD static void run_cycle(enum cycle_reason reason)
{
    uintptr_t here, before = entered_at;
    __builtin_unwind_init();
    entered_at = CPU_FRAME_LOW(here);
    cycle_run(reason);
    entered_at = before;
}

/* As in Go, an explicit collection also sweeps. */
void gc_collect(void)
{
    if (!thread_heap() || !collected_is_used())
        return;
    run_cycle(CYCLE_FORCED);
    collected_sweep_rest();
}

bool gc_step(uint64_t ns)
{
    enum { SPANS = 16 }; /* some 10 microseconds */
    if (!thread_heap() || !collected_is_used())
        return false;
    uint64_t end;
    if (__builtin_add_overflow(os_now_ns(), ns, &end))
        end = UINT64_MAX;
    bool more;
    do
        more = collected_sweep(SPANS);
    while (more && os_now_ns() < end);
    return more;
}

void gc_look(const origin_frame_t *from)
{
    looks_from = from;
    looking = true;
    gc_collect();
    looking = false;
    looks_from = NULL;
}

static void run_in_background(void)
{
    run_cycle(CYCLE_GROWTH);
}

static bool is_beyond(uint64_t goal, size_t request)
{
    return heap_bytes() + request > goal;
}

/* A thread that has reached the goal waits for the end of the concurrent trace. */
static void wait_for_background(void)
{
    uint64_t began = os_now_ns();
    trace_hurry();
    background_wait();
    atomic_fetch_add(&gc.waits, 1);
    atomic_fetch_add(&gc.wait_ns, os_now_ns() - began);
}

/* Many threads may find the trigger reached. The first runs the cycle, or has it run; the others go on to the goal, and
 * wait there: the first may have lost its processor to just those that allocate. `at_limit`: the request
 * would pass the limit, though nothing idle is left and no cell of its class: what the spans hold beyond the
 * heap cannot be used now. */
COLD static void collect_if_triggered(size_t request, bool at_limit)
{
    if (background_is_asked()) {
        if (at_limit || is_beyond(__atomic_load_n(&gc.counts.goal, __ATOMIC_RELAXED), request))
            wait_for_background();
        return;
    }
    bool is_wanted = false;
    lock_acquire(&gc.lock);
    pace_by_knobs();
    uint64_t goal = gc.pacer.goal;
    if (gc.disabled <= 0 && !gc.forbidden && gc_is_permitted() && os_now_ns() >= gc.not_before_ns) {
        if (at_limit)
            pacer_set_outside(&gc.pacer, outside_of(heap_bytes()));
        is_wanted = pacer_wants_cycle(&gc.pacer, heap_bytes(), request, program_time());
        gc.trigger = gc.pacer.trigger;
    }
    lock_release(&gc.lock);
    if (!is_wanted)
        return;
    if (!at_limit && !is_beyond(goal, request) && trace_would_be_beside(heap_bytes()) &&
        background_ask(run_in_background))
        return;
    run_cycle(CYCLE_GROWTH);
    if (is_beyond(goal, request))
        cycle_wait();
}

static bool may_be_triggered(size_t request)
{
    return gc.started && (heap_bytes() + request + RUNWAY > gc.trigger || knobs_have_turned());
}

/* WEIR_DEBUG=gcstress=N: then every allocation comes here. */
static bool is_stressed(void)
{
    static _Atomic int64_t count;
    return options.gcstress > 0 && gc.disabled <= 0 &&
           (atomic_fetch_add(&count, 1) + 1) % options.gcstress == 0;
}

static void *alloc_once(heap_t *self, enum span_kind kind, size_t size, size_t alignment, bool fresh)
{
    world_enter_as(self);
    void *p = collected_alloc_slow(self, kind, size, alignment, fresh);
    world_leave();
    if (UNLIKELY(self->sampling != NULL) && !cache.cycling)
        profile_look_at_growth();
    return p;
}

/* At the limit free cells come first, then a cycle if the pacer agrees, and fresh memory last: the limit is
 * soft. */
static void *alloc_as_limited(heap_t *self, enum span_kind kind, size_t size, size_t alignment)
{
    if (LIKELY(!pages_is_pressed()))
        return alloc_once(self, kind, size, alignment, true);
    void *p = alloc_once(self, kind, size, alignment, false);
    if (p)
        return p;
    if (!cache.cycling)
        collect_if_triggered(size, true);
    return alloc_once(self, kind, size, alignment, true);
}

/* Under WEIR_COLLECT the runtime itself comes here from a cycle: it starts threads for marking. */
static void *alloc_slow(enum span_kind kind, size_t size, size_t alignment)
{
    heap_t *self = thread_heap();
    if (size >= region.size || !self) { /* what no collection could make room for */
        errno = ENOMEM;
        return NULL;
    }
    size = size ? size : 1;
    pages_look(size);
    if (UNLIKELY(!gc.started))
        start_collector();
    if (UNLIKELY(is_stressed()))
        run_cycle(CYCLE_GROWTH);
    else if (may_be_triggered(size) && !cache.cycling)
        collect_if_triggered(size, false);
    void *p = alloc_as_limited(self, kind, size, alignment);
    if (UNLIKELY(!p) && gc.disabled <= 0) {
        gc_collect();
        pages_retry_begins();
        p = alloc_once(self, kind, size, alignment, true);
        pages_retry_ends();
    }
    thread_return_borrowed();
    return p;
}

void *gc_alloc_slow(enum span_kind kind, size_t size)
{
    return alloc_slow(kind, size, 1);
}

/* A byte more: a pointer to the end of a block, which C allows, points into it all the same. */
void *upcall_collected(size_t size, size_t alignment)
{
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    enum span_kind kind = UNLIKELY(options.keep || options.noscan) ? upcall_kind(size) : KIND_SCAN;
    if (UNLIKELY(world_is_child()))
        kind = KIND_KEPT; /* nothing scans the child's registers */
    void *p = alignment > 16 ? alloc_slow(kind, size + 1, alignment) : gc_alloc(kind, size + 1);
    if (UNLIKELY(options.leaks) && p)
        origin_note(p, size);
    return p;
}

void gc_enable(int change)
{
    atomic_fetch_add(&gc.disabled, change);
}

/* A cycle that another thread is in is over when begin returns, and none begins before the end. */
void gc_forbid_begin(void)
{
    lock_acquire(&gc.lock);
    gc.forbidden++;
    forbidden_here++;
    lock_release(&gc.lock);
}

void gc_forbid_end(void)
{
    lock_acquire(&gc.lock);
    if (forbidden_here) {
        gc.forbidden--;
        forbidden_here--;
    }
    lock_release(&gc.lock);
}

bool gc_add_roots(uintptr_t start, size_t size)
{
    lock_acquire(&gc.lock);
    bool added = roots_add(start, size);
    lock_release(&gc.lock);
    return added;
}

void gc_remove_roots(uintptr_t start)
{
    lock_acquire(&gc.lock);
    roots_remove(start);
    lock_release(&gc.lock);
}

weir_gc_stack *gc_stack_add(uintptr_t low, size_t size)
{
    lock_acquire(&gc.lock);
    weir_gc_stack *stack = stacks_add(low, size);
    lock_release(&gc.lock);
    return stack;
}

void gc_stack_remove(weir_gc_stack *stack)
{
    lock_acquire(&gc.lock);
    stacks_remove(stack);
    lock_release(&gc.lock);
}

static int find_path(uintptr_t here, const void *p, path_t *path)
{
    if (!gc_is_permitted() || !world_is_ours() || !roots_are_open())
        return EAGAIN;
    uint64_t signals = os_block_heard_signals();
    collected_sweep_rest();
    int error = path_find(here, p, path);
    os_restore_signals(signals);
    return error;
}

/* As in run_cycle. */
NOINLINE int gc_path(const void *p, path_t *path)
{
    uintptr_t here;
    __builtin_unwind_init();
    if (cache.cycling)
        return EDEADLK;
    if (!thread_heap() || !collected_is_used())
        return EINVAL;
    roots_find_thread_local();
    lock_acquire(&gc.lock);
    int error = find_path(CPU_FRAME_LOW(here) & ~(uintptr_t)7, p, path);
    lock_release(&gc.lock);
    return error;
}

/* A turned knob shows at once, unless a cycle is under way. */
void gc_read_counts(gc_counts_t *counts)
{
    const uint64_t *from = (const uint64_t *)&gc.counts;
    uint64_t *to = (uint64_t *)counts;
    uint32_t before, after;
    if (gc.started && knobs_have_turned() && lock_try(&gc.lock)) {
        pace_by_knobs();
        lock_release(&gc.lock);
    }
    do {
        before = atomic_load_explicit(&gc.version, memory_order_acquire);
        for (size_t i = 0; i < sizeof *counts / sizeof *to; i++)
            to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&gc.version, memory_order_relaxed);
        if (before % 2 == 1)
            os_yield();
    } while (before % 2 == 1 || before != after);
    counts->heap = heap_bytes();
}

gc_stats_t gc_read_stats(void)
{
    lock_acquire(&gc.lock);
    if (gc.started)
        pace_by_knobs();
    gc_stats_t stats = gc.stats;
    stats.goal = gc.started ? gc.pacer.goal : 0;
    stats.heap = heap_bytes();
    stats.limiter_cycle = gc.pacer.limiter_cycle;
    lock_release(&gc.lock);
    return stats;
}
