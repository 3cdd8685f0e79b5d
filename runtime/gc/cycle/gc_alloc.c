/* gc_alloc: allocation of collected memory, and the cycles that it triggers.
 *
 *     free cell in the thread's buffer: gc.h     else, in this order
 *         trigger reached   a cycle runs, or one beside the program is asked for; wait a moment if the heap
 *                           grows faster than marking advances, or is past the goal; wait for the end of the
 *                           trace if it is far past the goal
 *         large request     wait while the dead of the last trace still take the memory that it asks for
 *         limit pressed     free cells of the spans that there are, then a cycle, then fresh memory
 *         still no memory   a forced cycle, then one more attempt
 */
#include <errno.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/gc/cycle/background.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/gc_state.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/gc/cycle/waits.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/work.h"
#include "runtime/heap/hooks.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/policy/rounds.h"
#include "runtime/profile/budget.h"
#include "runtime/profile/origin.h"
#include "runtime/profile/profile.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

static bool is_beyond(uint64_t goal, size_t request)
{
    return gc_heap_bytes() + request > goal;
}

/* The thread counts as stopped while it waits, so that the thread that collects need not stop it. No handler
 * of the program may run meanwhile. In a vfork, what world_block_begin would note is taken. Where nothing may
 * be collected, nothing is stopped. There the wait does not count: a handler, or the end of the child, may
 * cut it short. */
static void wait_as_stopped(void (*wait)(void), bool is_for_trace)
{
    if (atomic_load_explicit(&cache.heap->thread.vforks, memory_order_relaxed) || !gc_is_permitted()) {
        wait();
        return;
    }
    uint64_t signals = os_block_heard_signals();
    if (is_for_trace)
        waits_begin();
    world_block_begin();
    wait();
    world_block_end();
    if (is_for_trace)
        waits_end();
    os_restore_signals(signals);
}

static void wait_for_lock(void)
{
    lock_acquire(&gc.lock);
}

/* A thread waits for the concurrent trace: far past the goal for its end, before that for a moment. It writes
 * nothing meanwhile, so the rounds of rescanning end the sooner. */
static void wait_for_trace(void (*wait)(void))
{
    work_hasten();
    wait_as_stopped(wait, true);
}

/* While the trace goes on beside the program, the heap may grow from where the trace began to the goal as
 * fast as marking advances. A thread that is ahead of that waits a moment, in which all processors can
 * mark. */
static uint64_t allowance(uint64_t goal)
{
    return pacer_allowance(gc.trace_began, goal, trace_progress(), gc.live);
}

static void wait_as_braked(void)
{
    uint64_t began = os_now_ns();
    background_wait_for(trace_brake_ns());
    atomic_fetch_add(&gc.braked_ns, os_now_ns() - began);
}

static void pass_a_moment(void)
{
    background_wait_for(ROUNDS_MOMENT_NS);
}

/* The goal is reached before the trace has ended. The heap may grow past it slowly, up to a bound: most
 * traces end meanwhile, so few operations of the program take as long as the rest of a trace. */
static void pass_the_goal(void)
{
    enum { MOMENTS = 4 };
    background_wait_for(MOMENTS * ROUNDS_MOMENT_NS);
}

static void pass_a_moment_of_release(void)
{
    collected_await_release(ROUNDS_MOMENT_NS);
}

/* Where a forced cycle has found the heap far below its goal, nothing has to wait. */
static bool outgrows_release(size_t request)
{
    uint64_t bound = __atomic_load_n(&gc.published.bound, __ATOMIC_RELAXED),
             goal = __atomic_load_n(&gc.published.goal, __ATOMIC_RELAXED);
    return collected_bytes_held + request > bound &&
           collected_outgrows_release(request, bound > goal ? bound - goal : 0);
}

/* When a trace has ended, its dead still take memory until they are released. A small object takes the place
 * of one. A large one does not, so it waits until as much has been released: otherwise the heap would hold
 * both. How long that takes depends on the machine. A release that does not get on is not waited for any
 * longer than MOMENTS, which are 100 ms. */
COLD static void wait_for_release(size_t request)
{
    enum { MOMENTS = 100 };
    for (int i = 0; i < MOMENTS && collected_is_releasing() && outgrows_release(request); i++)
        wait_as_stopped(pass_a_moment_of_release, false);
}

/* Take the collector's lock. False, without it: another thread holds it, and the request does not pass the
 * goal. */
static bool take_lock(size_t request, bool at_limit)
{
    if (lock_try(&gc.lock))
        return true;
    if (!at_limit && !is_beyond(__atomic_load_n(&gc.published.goal, __ATOMIC_RELAXED), request))
        return false;
    wait_as_stopped(wait_for_lock, false);
    return true;
}

/* Wait for a trace that goes on, for as long as is needed. */
static void wait_by_heap(size_t request)
{
    uint64_t goal = __atomic_load_n(&gc.published.goal, __ATOMIC_RELAXED);
    if (is_beyond(__atomic_load_n(&gc.published.bound, __ATOMIC_RELAXED), request))
        wait_for_trace(background_wait);
    else if (is_beyond(goal, request))
        wait_for_trace(pass_the_goal);
    else if (trace_brake_ns())
        wait_for_trace(wait_as_braked);
    else if (is_beyond(allowance(goal), request))
        wait_for_trace(pass_a_moment);
}

/* False: the background thread does not collect. */
static bool wait_for_background(size_t request, bool at_limit)
{
    if (at_limit && background_is_collecting()) {
        wait_for_trace(background_wait);
        wait_as_stopped(background_wait_released, false);
        return true;
    }
    if (!background_is_asked())
        return false;
    wait_by_heap(request);
    return true;
}

/* Will the background thread run the cycle? If the caller `waits`, not while that thread settles: it then
 * calls functions of the program, which may wait for the caller. */
static bool ask_background(bool waits)
{
    return trace_would_be_beside(gc_heap_bytes()) && !(waits && background_is_settling()) &&
           gc_ask_background() && !(waits && background_is_settling());
}

/* Many threads may find the trigger reached. The first runs the cycle, or has the background thread run it.
 * The others allocate up to the goal, and stop by themselves when they are asked to (halt.c). At the goal
 * they wait: otherwise they might keep the processor from the thread that collects. `at_limit`: the request
 * would pass the limit, no memory is idle, and no free cell is of its class. Then the free cells that spans
 * hold count as memory that the heap cannot use. */
COLD static void collect_if_triggered(size_t request, bool at_limit)
{
    if (wait_for_background(request, at_limit) || !take_lock(request, at_limit))
        return;
    bool is_wanted = false;
    gc_pace_by_knobs();
    uint64_t goal = gc.pacer.goal;
    if (gc.disabled <= 0 && !gc.forbidden && gc_is_permitted() && !world_is_child() &&
        os_now_ns() >= gc.not_before_ns) {
        if (at_limit)
            pacer_set_outside(&gc.pacer, gc_outside_of(gc_heap_bytes()));
        is_wanted = pacer_wants_cycle(&gc.pacer, gc_heap_bytes(), request, gc_program_time());
        gc.trigger = gc.pacer.trigger;
    }
    lock_release(&gc.lock);
    if (!is_wanted)
        return;
    bool waits = is_beyond(goal, request);
    if (!at_limit && ask_background(waits)) {
        if (waits)
            wait_for_background(request, false);
        return;
    }
    gc_run_cycle(CYCLE_GROWTH);
    if (waits)
        wait_as_stopped(cycle_wait, false);
}

static bool may_be_triggered(size_t request)
{
    return gc.started && (gc_heap_bytes() + request + GC_RUNWAY > gc.trigger || gc_knobs_have_turned());
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

/* Under WEIR_COLLECT a cycle itself calls this: it starts mark workers, and pthread_create allocates. */
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
        gc_start();
    if (UNLIKELY(is_stressed()))
        gc_run_cycle(CYCLE_GROWTH);
    else if (collected_is_counted(self, size) && may_be_triggered(size) && !cache.cycling)
        collect_if_triggered(size, false);
    if (UNLIKELY(size > SMALL_MAX && collected_is_releasing()) && !cache.cycling)
        wait_for_release(size);
    void *p = alloc_as_limited(self, kind, size, alignment);
    if (UNLIKELY(!p) && gc.disabled <= 0) {
        gc_collect();
        pages_retry_begins();
        p = alloc_once(self, kind, size, alignment, true);
        pages_retry_ends();
    }
    if (UNLIKELY(!p) && budget_answer())
        p = alloc_once(self, kind, size, alignment, true);
    thread_return_borrowed();
    return p;
}

void gc_await_release(void)
{
    enum { MOST_NS = 100 * 1000 * 1000 };
    if (UNLIKELY(collected_is_releasing()) && !cache.cycling)
        collected_await_release(MOST_NS);
}

bool hook_await_trace(void)
{
    if (cache.cycling || !collected_holds_large())
        return false;
    trace_hurry();
    lock_acquire(&gc.lock);
    lock_release(&gc.lock);
    return true;
}

void *gc_alloc_slow(enum span_kind kind, size_t size)
{
    return alloc_slow(kind, size, 1);
}

/* One byte more is allocated, so that a pointer to the end of a block, which C allows, points into its
 * cell. */
void *hook_collected(size_t size, size_t alignment)
{
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    enum span_kind kind = UNLIKELY(options.keep || options.noscan) ? hook_kind(size) : KIND_SCAN;
    if (UNLIKELY(world_is_child()))
        kind = KIND_KEPT; /* nothing scans the child's registers */
    void *p = alignment > 16 ? alloc_slow(kind, size + 1, alignment) : gc_alloc(kind, size + 1);
    if (UNLIKELY(options.leaks) && p)
        origin_note(p, size);
    return p;
}
