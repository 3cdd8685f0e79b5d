/* gc: see gc.h. The cycle itself; gc_state.h says what is elsewhere. */
#include "runtime/gc/cycle/gc.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/filter.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/cycle/background.h"
#include "runtime/gc/cycle/gc_state.h"
#include "runtime/gc/cycle/gctrace.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/gc/cycle/waits.h"
#include "runtime/gc/cycle/watch.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/refs/finalize.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/pages/collapse.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/origin.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/fork.h"
#include "runtime/threads/workers.h"
#include "runtime/threads/world.h"

/* A smaller heap is marked by one thread: sharing would take longer than marking. */
enum { SHARED_MIN = 4 * 1024 * 1024 };

/* The calling thread's share of gc.forbidden; in the child of a fork it is all that is left. */
static __thread uint32_t forbidden_here;
/* In a search for leaks the calling thread's stack is scanned from this frame on; NULL: all that is in
 * use. */
static __thread const origin_frame_t *leaks_from;
/* The next cycle is to search for leaks. Only one thread at a time may ask for that. */
static _Atomic bool finds_leaks;
/* The frame in which the calling thread entered the cycle; 0: not known. The frames below it are the
 * runtime's, and are not scanned: sweeping leaves addresses of objects in them. */
static __thread uintptr_t entered_at;
/* When the cycle that the calling thread is in has released its lock, the background thread is to run one. */
static __thread bool asks_background;

/* --- the cycle; under the lock --- */

static uint32_t members_wanted(void)
{
    return options.gcworkers > 0 ? (uint32_t)options.gcworkers : gc.cores;
}

/* As in a cycle: then the threads are known as the runtime's own (swap/threads.c), and no allocation of
 * pthread_create begins a cycle. */
void gc_start_workers(void)
{
    bool before = cache.cycling;
    cache.cycling = true;
    workers_start(members_wanted());
    cache.cycling = before;
}

/* An unmodified program gets full traces only: as a rule it writes all over its memory. And its large objects
 * are resized in place, which takes their marks back (collected_grow). Where the limit sets the goal, no
 * young trace follows (young_is_enough), so nothing is kept. */
static bool may_keep_marks(void)
{
    return options.gcyoung != OPTIONS_YOUNG_OFF && !options.collect && young_would_follow(&gc.young) &&
           (gc.young.always || !gc.pacer.limited);
}

/* Not where memory is needed, or where other memory has grown: the owner of that may be old garbage. */
static bool young_is_enough(enum cycle_reason reason, size_t heap)
{
    if (gc.young.always)
        return true;
    bool heap_has_grown = heap + GC_RUNWAY >= gc.pacer.trigger;
    return reason == CYCLE_GROWTH && heap_has_grown && !gc.pacer.limited && !pages_is_pressed();
}

static void collect(heap_t *self, enum cycle_reason reason)
{
    if (!roots_are_open())
        return;
    size_t heap = gc_heap_bytes();
    trace_request_t request = {.live = &gc.live,
                               .entered_at = entered_at,
                               .from = leaks_from,
                               .finds_leaks = finds_leaks,
                               .members = workers_ready(members_wanted()),
                               .alone = heap < SHARED_MIN};
    bool beside = reason != CYCLE_LIMIT && trace_is_beside(heap, &request);
    gc.young.always = options.gcyoung == OPTIONS_YOUNG_ALWAYS;
    request.may_keep_marks = may_keep_marks();
    request.young = request.may_keep_marks && gc.young.next && young_is_enough(reason, heap);
    if (!mark_prepare(request.members))
        return;
    uint64_t program_ns = gc_program_time(), outside = gc_outside_of(collected_bytes_held);
    collected_sweep_rest();
    gc_note_rate();
    weir_event event = {.reason = cycle_event_reason(reason),
                        .collection = gc.stats.cycles + 1,
                        .heap_began = heap,
                        .goal = gc.pacer.goal,
                        .processors = gc.cores};
    atomic_store(&gc.trace_began, gc_heap_bytes()); /* sweeping took a while */
    uint64_t began = os_now_ns();
    trace_result_t result;
    if (!trace_run(&request, beside, &event, &result)) {
        gc.young.next = false;
        gc_put_off(os_now_ns() - began);
        trace_put_away(false);
        return;
    }
    bool for_young = gc_pace_young(&result, reason, heap + result.allocated);
    gc_note_cycle(&result, reason == CYCLE_FORCED);
    gc_describe_cycle(&event, &result);
    bool limiter_was_on = gc.pacer.limiter.on;
    if (background_is_caller())
        gc_pace_runway(&result);
    gc_pace_by_cycle(&result, outside, program_ns);
    trace_put_away(for_young);
    collected_release_dead(self, reason == CYCLE_GROWTH && !pages_is_limited());
    if (for_young && !trace_keep())
        gc_pace_refuse_young();
    event.collector_cpu_ns = gc.stats.collector_ns;
    event.available_cpu_ns = gc.stats.available_ns;
    event_tell(&event, WEIR_EVENT_COLLECTED);
    gc_tell_of_pace(&event, limiter_was_on);
}

bool gc_is_permitted(void)
{
    return filter_permits(FILTER_PROC) && (filter_permits(FILTER_TRACE) || filter_permits(FILTER_SIGNAL));
}

/* --- the listeners of the runtime's cycle --- */

/* Signals are blocked meanwhile: a handler of the program might fork, or install a filter of system calls. */
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

/* May the cycle's trace be left to the background thread? The caller has found that the memory in use has
 * grown (cycle_run_requested), and needs nothing that the trace would give it. */
static bool is_for_background(enum cycle_reason reason)
{
    return reason == CYCLE_GROWTH && !entered_at && trace_would_be_beside(gc_heap_bytes());
}

static void trace(void *context, enum cycle_reason reason)
{
    (void)context;
    lock_acquire(&gc.lock);
    gc_pace_by_knobs();
    bool traces = may_trace(reason);
    asks_background = traces && is_for_background(reason);
    if (traces && !asks_background)
        collect_undisturbed(cache.heap, reason);
    lock_release(&gc.lock);
    background_released();
}

/* Start the mark workers, if there will be a trace. The background thread has the lock while it collects: a
 * thread whose cycle it runs anyway does not wait for that. */
static void gather(void *context, enum cycle_reason reason)
{
    (void)context;
    if (reason == CYCLE_GROWTH && background_is_collecting() && !background_is_caller())
        return;
    lock_acquire(&gc.lock);
    bool will_trace = may_trace(reason) && roots_are_open();
    lock_release(&gc.lock);
    if (will_trace && !background_is_caller())
        gc_start_workers();
}

static void settle(void *context, enum cycle_reason reason)
{
    (void)context, (void)reason;
    if (asks_background)
        gc_ask_background();
    asks_background = false;
    finalize_wake_after_cycle();
}

/* A trace that goes on beside the program ends before the fork, if it ends soon. It has to be told before the
 * lock of cycles is waited for, which its thread holds. */
static bool hurry_before_fork(void)
{
    trace_hurry();
    return true;
}

static void hurried(bool child)
{
    (void)child;
}

static bool before_fork(void)
{
    if (!lock_acquire_soon(&gc.lock))
        return false;
    if (!side_table_before_fork()) {
        lock_release(&gc.lock);
        return false;
    }
    if (roots_before_fork())
        return true;
    side_table_after_fork(false);
    lock_release(&gc.lock);
    return false;
}

static void after_fork(bool child)
{
    /* Forget the threads and what is watched even if a signal handler forked and the interrupted code holds
     * the lock: only a cycle changes them, and no handler runs during one. */
    if (child) {
        workers_forget();
        watch_after_fork_child();
        background_after_fork_child();
        waits_after_fork_child();
        gc_pace_after_fork_child();
    }
    if (child && lock_may_repair(&gc.lock) && side_table_may_repair()) {
        roots_after_fork_child();
        finalize_after_fork_child();
        gc.forbidden = forbidden_here;
    }
    roots_after_fork(child);
    side_table_after_fork(child);
    lock_after_fork(&gc.lock, child);
}

static void start_once(void)
{
    lock_acquire(&gc.lock);
    gc_pace_start();
    if (options.leaks)
        gc.disabled++;
    if (options.gctrace)
        gctrace_listen();
    lock_release(&gc.lock);
    fork_call(LOCK_RANK_FORK, hurry_before_fork, hurried);
    fork_call(LOCK_RANK_GC, before_fork, after_fork);
    cycle_listen(CYCLE_GATHER, gather, NULL);
    cycle_listen(CYCLE_TRACE, trace, NULL);
    cycle_listen(CYCLE_SETTLE, settle, NULL);
}

COLD void gc_start(void)
{
    lock_acquire(&fork_start_lock);
    if (!gc.started)
        start_once();
    gc.started = true;
    lock_release(&fork_start_lock);
}

/* --- the entries --- */

/* Saves the program's registers in this frame, where they are scanned. */
COLD void gc_run_cycle(enum cycle_reason reason)
{
    uintptr_t here, before = entered_at;
    __builtin_unwind_init();
    entered_at = CPU_FRAME_LOW(here);
    cycle_run(reason);
    entered_at = before;
}

static void run_in_background(void)
{
    gc_run_cycle(CYCLE_GROWTH);
}

/* Under the lock: so no collection, no fork, and no filter of system calls comes in between. The lock is not
 * waited for: its holder may be about to stop the world. */
static bool collapse_some(void)
{
    if (!lock_try(&gc.lock))
        return true;
    bool more = !gc.forbidden && !trace_is_kept() && gc_is_permitted() && collapse_next();
    lock_release(&gc.lock);
    return more;
}

bool gc_ask_background(void)
{
    gc_start_workers();
    return background_ask(run_in_background, collapse_some);
}

/* As in Go, an explicit collection also sweeps. */
void gc_collect(void)
{
    if (!thread_heap() || !collected_is_used())
        return;
    gc_run_cycle(CYCLE_FORCED);
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

void gc_find_leaks(const origin_frame_t *from)
{
    leaks_from = from;
    finds_leaks = true;
    gc_collect();
    finds_leaks = false;
    leaks_from = NULL;
}

void gc_enable(int change)
{
    atomic_fetch_add(&gc.disabled, change);
}

/* When this returns no cycle traces, and none does before gc_forbid_end. */
void gc_forbid_begin(void)
{
    trace_hurry();
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
