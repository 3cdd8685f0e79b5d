/* gc: see gc.h. */
#include "runtime/collect/gc.h"

#include <errno.h>
#include <string.h>

#include "runtime/collect/crew.h"
#include "runtime/collect/mark.h"
#include "runtime/collect/pacer.h"
#include "runtime/collect/roots.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/control.h"
#include "runtime/heap/cycle.h"
#include "runtime/heap/world.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

/* Marking less than this takes longer to share than to do. */
enum { SHARED_MIN = 4 * 1024 * 1024 };
/* Handed out at a time, at least: what the heap may grow by between two questions. */
enum { RUNWAY = 64 * 1024 };

static struct {
    lock_t lock; /* held throughout a cycle */
    pacer_t pacer;
    _Atomic bool started;
    unsigned cores;
    uint64_t told_ns; /* when the pacer was last told of the program's time */
    gc_stats_t stats;
    _Atomic uint64_t trigger; /* the pacer's */
    _Atomic uint64_t live;    /* marked by the last cycle */
    _Atomic int disabled;     /* by so many calls */
} gc = {.lock = LOCK_INIT(LOCK_RANK_GC), .trigger = PACER_NONE};

/* --- pacing; under the lock --- */

static uint64_t heap_bytes(void)
{
    return gc.live + collected_bytes_since;
}

static uint64_t limit_now(void)
{
    int64_t limit = control_memory_limit();
    return limit == INT64_MAX ? PACER_NONE : (uint64_t)limit;
}

/* Held, but neither collected heap nor idle. */
static uint64_t outside_bytes(void)
{
    ledger_t held = pages_ledger();
    uint64_t bytes = held.pages_inuse * OS_PAGE + held.huge_inuse + region_table_bytes() + held.metadata;
    uint64_t heap = heap_bytes();
    return bytes > heap ? bytes - heap : 0;
}

/* On all processors, as the pacer wants it. */
static uint64_t program_time(void)
{
    uint64_t now = os_now_ns(), passed = now - gc.told_ns;
    gc.told_ns = now;
    return passed * gc.cores;
}

static void pace_start(void)
{
    gc.told_ns = os_now_ns();
    gc.cores = os_processors();
    pacer_init(&gc.pacer, control_gc_percent(), limit_now(), RUNWAY, gc.cores);
    gc.trigger = gc.pacer.trigger;
    gc.started = true;
}

static void pace_by_knobs(void)
{
    if (gc.pacer.gc_percent != control_gc_percent())
        pacer_set_gc_percent(&gc.pacer, control_gc_percent());
    if (gc.pacer.limit != limit_now())
        pacer_set_limit(&gc.pacer, limit_now());
    gc.trigger = gc.pacer.trigger;
}

static bool knobs_have_turned(void)
{
    return gc.pacer.gc_percent != control_gc_percent() || gc.pacer.limit != limit_now();
}

/* --- the cycle; under the lock --- */

/* The registers of the caller are in this frame or below it. */
__attribute__((noinline)) static mark_result_t mark_from_here(bool alone)
{
    uintptr_t here;
    __builtin_unwind_init();
    return mark_all((uintptr_t)&here & ~(uintptr_t)7, alone);
}

static void note_pause(uint64_t from, uint64_t to)
{
    size_t place = gc.stats.cycles % 256;
    gc.stats.pauses[place] = to - from;
    gc.stats.pause_ends[place] = gc.stats.last_end_ns = os_wall_clock_ns();
    gc.stats.pause_total_ns += to - from;
    gc.stats.cycles++;
}

static void collect(heap_t *self, bool forced)
{
    uint32_t members = crew_gather(gc.cores);
    if (!mark_prepare(members))
        return;
    uint64_t program_ns = program_time(), outside = outside_bytes();
    roots_prepare();
    collected_sweep_rest();
    uint64_t stopped = os_now_ns();
    world_stop();
    bool alone = heap_bytes() < SHARED_MIN;
    collected_begin_trace();
    mark_result_t found = mark_from_here(alone);
    collected_end_trace();
    gc.live = found.bytes;
    world_start();
    uint64_t started = os_now_ns();
    note_pause(stopped, started);
    gc.stats.forced += forced;
    gc.stats.live = found.bytes;
    gc.stats.objects = found.objects;
    gc.stats.rescans += found.rescans;
    uint64_t collector_ns = (started - stopped) * gc.cores;
    gc.stats.collector_ns += collector_ns;
    pacer_end_cycle(&gc.pacer, &(pacer_cycle_t){.live = found.bytes,
                                                .roots = found.root_bytes,
                                                .outside = outside,
                                                .collector_ns = collector_ns,
                                                .program_ns = program_ns});
    gc.told_ns = started;
    gc.trigger = gc.pacer.trigger;
    gc.stats.goal = gc.pacer.goal;
    collected_release_dead(self);
}

/* --- the clock --- */

static void trace(void *context, enum cycle_reason reason)
{
    (void)context;
    lock_acquire(&gc.lock);
    pace_by_knobs();
    if (collected_is_used())
        collect(cache.heap, reason == CYCLE_FORCED);
    lock_release(&gc.lock);
}

static void before_fork(void)
{
    lock_acquire(&gc.lock);
}

static void after_fork(bool child)
{
    if (child) {
        crew_forget();
        lock_reset(&gc.lock);
    } else {
        lock_release(&gc.lock);
    }
}

/* At the first use of collected memory. */
COLD static void start(void)
{
    static _Atomic int state; /* 0 not yet, 1 somebody is at it */
    int expected = 0;
    if (!atomic_compare_exchange_strong(&state, &expected, 1))
        return;
    cycle_call_at_fork(before_fork, after_fork);
    cycle_listen(CYCLE_TRACE, trace, NULL);
    lock_acquire(&gc.lock);
    pace_start();
    lock_release(&gc.lock);
}

/* --- the entries --- */

void gc_collect(void)
{
    if (thread_heap() && collected_is_used())
        cycle_run(CYCLE_FORCED);
}

/* Many threads may find it due; the first runs the cycle, the others go on. */
COLD static void collect_if_due(size_t request)
{
    bool due = false;
    lock_acquire(&gc.lock);
    pace_by_knobs();
    if (gc.disabled <= 0) {
        if (pages_is_pressed())
            pacer_set_outside(&gc.pacer, outside_bytes());
        due = pacer_wants_cycle(&gc.pacer, heap_bytes(), request, program_time());
        gc.trigger = gc.pacer.trigger;
    }
    lock_release(&gc.lock);
    if (due)
        cycle_run(CYCLE_GROWTH);
}

static bool may_be_due(size_t request)
{
    return heap_bytes() + request + RUNWAY > gc.trigger || knobs_have_turned() || pages_is_pressed();
}

static void *alloc_once(heap_t *self, enum span_kind kind, size_t size)
{
    world_enter();
    void *p = collected_alloc_slow(self, kind, size);
    world_leave();
    return p;
}

void *gc_alloc_slow(enum span_kind kind, size_t size)
{
    heap_t *self = thread_heap();
    if (size > PTRDIFF_MAX || !self) {
        errno = ENOMEM;
        return NULL;
    }
    size = size ? size : 1;
    if (UNLIKELY(!gc.started))
        start();
    if (may_be_due(size))
        collect_if_due(size);
    void *p = alloc_once(self, kind, size);
    if (UNLIKELY(!p)) {
        gc_collect();
        p = alloc_once(self, kind, size);
    }
    return p;
}

void *gc_alloc(enum span_kind kind, size_t size)
{
    void *p = collected_alloc_fast(kind, size);
    return LIKELY(p != NULL) ? p : gc_alloc_slow(kind, size);
}

void gc_enable(int change)
{
    atomic_fetch_add(&gc.disabled, change);
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

gc_stats_t gc_read_stats(void)
{
    lock_acquire(&gc.lock);
    gc_stats_t stats = gc.stats;
    lock_release(&gc.lock);
    return stats;
}
