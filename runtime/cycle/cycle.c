/* cycle: see cycle.h. */
#include "runtime/cycle/cycle.h"

#include <errno.h>

#include "runtime/cells/cache.h"
#include "runtime/cycle/event.h"
#include "runtime/cycle/percent.h"
#include "runtime/cycle/shrinker.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/mask.h"
#include "runtime/threads/fork.h"
#include "runtime/threads/world.h"

enum { LISTENERS = 8 /* of one phase */ };

static struct {
    lock_t lock; /* held from AGE to the end of TRACE */
    struct {
        cycle_listener *call;
        void *context;
    } listeners[CYCLE_PHASES][LISTENERS]; /* written under the lock, before `count` */
    _Atomic uint32_t count[CYCLE_PHASES];
    bool is_subscribed;        /* under the lock: there is a listener, and growth is watched */
    _Atomic uint32_t shedding; /* threads in a cycle for the limit */
} cycle = {.lock = LOCK_INIT(LOCK_RANK_CYCLE)};

static bool cycle_before_fork(void)
{
    return lock_acquire_soon(&cycle.lock);
}

static void cycle_after_fork(bool child)
{
    if (child) {
        cycle.shedding = cycle.shedding && cache.cycling;
        event_after_fork_child();
        shrinker_after_fork_child();
    }
    lock_after_fork(&cycle.lock, child);
}

/* From its first use on, the cycle's lock is taken around fork. */
static void have_fork_handlers(void)
{
    static _Atomic bool have; /* written after the call: then no thread goes on without them */
    if (atomic_load_explicit(&have, memory_order_acquire))
        return;
    fork_call(LOCK_RANK_CYCLE, cycle_before_fork, cycle_after_fork);
    atomic_store_explicit(&have, true, memory_order_release);
}

static void (*make_room)(void), (*tell_program)(void); /* written once, before threads */

void cycle_serve_limit(void (*room)(void), void (*tell)(void))
{
    make_room = room;
    tell_program = tell;
    pages_subscribe_limit();
}

void cycle_subscribe(void)
{
    have_fork_handlers();
    lock_acquire(&cycle.lock);
    bool is_first = !cycle.is_subscribed;
    cycle.is_subscribed = true;
    lock_release(&cycle.lock);
    if (is_first)
        pages_subscribe_growth();
}

static void restart_volume(void);

void cycle_listen(enum cycle_phase phase, cycle_listener *listener, void *context)
{
    lock_acquire(&cycle.lock);
    uint32_t at = cycle.count[phase];
    ALWAYS_CHECK(at < LISTENERS);
    cycle.listeners[phase][at].call = listener;
    cycle.listeners[phase][at].context = context;
    atomic_store_explicit(&cycle.count[phase], at + 1, memory_order_release);
    lock_release(&cycle.lock);
    cycle_subscribe();
    if (phase == CYCLE_AGE)
        restart_volume();
}

static void tell(enum cycle_phase phase, enum cycle_reason reason)
{
    uint32_t count = atomic_load_explicit(&cycle.count[phase], memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        cycle.listeners[phase][i].call(cycle.listeners[phase][i].context, reason);
}

/* Run GATHER, and take the lock. False, without the lock: another thread runs the cycle, or has run it. */
static bool enter(enum cycle_reason reason)
{
    if (reason == CYCLE_GROWTH && lock_is_taken(&cycle.lock))
        return false;
    tell(CYCLE_GATHER, reason);
    if (reason == CYCLE_GROWTH)
        return lock_try(&cycle.lock);
    lock_acquire(&cycle.lock);
    if (reason == CYCLE_FORCED || cycle_is_requested())
        return true;
    lock_release(&cycle.lock);
    return false;
}

/* --- the volume --- */

static struct {
    _Atomic size_t allocated;      /* bytes since the last cycle */
    _Atomic size_t trigger;        /* SIZE_MAX: never */
    _Atomic uint64_t restarted_ns; /* when the last cycle ended */
} volume = {.trigger = SIZE_MAX};

/* Restart the count. The next volume cycle runs when as many bytes have been allocated as the heap may grow
 * by. A heap below FLOOR bytes counts as FLOOR, because a cycle has its price. */
static void restart_volume(void)
{
    enum { FLOOR = 16 * 1024 * 1024 };
    int percent = percent_get();
    page_stats_t held = pages_stats();
    size_t base = held.slots_inuse * SLOT_SIZE + held.huge_inuse, trigger;
    base = base > FLOOR ? base : FLOOR;
    bool never = percent < 0 || atomic_load(&cycle.count[CYCLE_AGE]) == 0 ||
                 __builtin_mul_overflow(base / 100, (size_t)(percent > 10 ? percent : 10), &trigger);
    atomic_store_explicit(&volume.trigger, never ? SIZE_MAX : trigger, memory_order_relaxed);
    atomic_store_explicit(&volume.allocated, 0, memory_order_relaxed);
    atomic_store_explicit(&volume.restarted_ns, os_now_coarse_ns(), memory_order_relaxed);
}

void cycle_age_if_older(uint64_t ns)
{
    enum pages_request none = PAGES_REQUEST_NONE;
    uint64_t last = atomic_load_explicit(&volume.restarted_ns, memory_order_relaxed);
    if (cycle_is_listened(CYCLE_AGE) && os_now_coarse_ns() - last >= ns)
        atomic_compare_exchange_strong(&pages_requested, &none, PAGES_REQUEST_VOLUME);
}

void cycle_add_volume(size_t bytes)
{
    pages_look(bytes);
    size_t allocated = atomic_fetch_add_explicit(&volume.allocated, bytes, memory_order_relaxed) + bytes;
    enum pages_request none = PAGES_REQUEST_NONE;
    if (UNLIKELY(allocated >= atomic_load_explicit(&volume.trigger, memory_order_relaxed)))
        atomic_compare_exchange_strong(&pages_requested, &none, PAGES_REQUEST_VOLUME);
}

void cycle_phase(enum cycle_phase phase, enum cycle_reason reason)
{
    if (phase == CYCLE_SETTLE) {
        tell(phase, reason);
        return;
    }
    lock_acquire(&cycle.lock);
    tell(phase, reason);
    lock_release(&cycle.lock);
}

bool cycle_is_listened(enum cycle_phase phase)
{
    return atomic_load_explicit(&cycle.count[phase], memory_order_acquire) > 0;
}

static void run_for_volume(weir_event *event)
{
    enum pages_request requested = PAGES_REQUEST_VOLUME;
    if (!lock_try(&cycle.lock))
        return;
    event_tell(event, WEIR_EVENT_CYCLE_BEGIN);
    tell(CYCLE_AGE, CYCLE_VOLUME);
    restart_volume();
    atomic_compare_exchange_strong(&pages_requested, &requested, PAGES_REQUEST_NONE);
    lock_release(&cycle.lock);
    tell(CYCLE_SETTLE, CYCLE_VOLUME);
    event_tell(event, WEIR_EVENT_CYCLE_END);
}

static void shed(void)
{
    atomic_fetch_add(&cycle.shedding, 1);
    make_room();
    atomic_fetch_sub(&cycle.shedding, 1);
}

/* The limit is soft: a thread whose allocation was not refused does not wait for the one that makes room. */
static bool run_for_limit(bool is_refused)
{
    if (!is_refused && atomic_load_explicit(&cycle.shedding, memory_order_relaxed))
        return true;
    return cycle_run(CYCLE_LIMIT);
}

/* A child of vfork runs in its parent's memory, `cache` included. It must not begin a cycle: it may exit, or
 * become another program, in the middle of it, and its parent may be killed with locks that the child waits
 * for. */
static bool may_run(void)
{
    return !cache.cycling && !cache.starting && !cache.ended && !world_is_child();
}

bool cycle_run(enum cycle_reason reason)
{
    if (!may_run())
        return false;
    int saved = errno, cancel = os_cancel_off();
    weir_event event = {.reason = cycle_event_reason(reason)};
    cache.cycling = true;
    have_fork_handlers();
    if (reason == CYCLE_VOLUME) {
        run_for_volume(&event);
    } else if (enter(reason)) {
        event_tell(&event, WEIR_EVENT_CYCLE_BEGIN);
        if (reason == CYCLE_LIMIT) {
            event_tell(&event, WEIR_EVENT_LIMIT_REACHED);
            lock_release(&cycle.lock);
            shed();
        } else {
            tell(CYCLE_AGE, reason);
            tell(CYCLE_TRACE, reason);
            lock_release(&cycle.lock);
            tell(CYCLE_SETTLE, reason);
        }
        pages_cycle_done();
        restart_volume();
        event_tell(&event, WEIR_EVENT_CYCLE_END);
    }
    cache.cycling = false;
    os_cancel_restore(cancel);
    errno = saved;
    return true;
}

COLD void cycle_wait(void)
{
    lock_acquire(&cycle.lock);
    lock_release(&cycle.lock);
}

/* Call the program's pressure callback, never from within a cycle. */
static bool tell_pressure(void)
{
    if (!may_run())
        return false;
    int saved = errno, cancel = os_cancel_off();
    enum pages_request requested = PAGES_REQUEST_PRESSURE;
    cache.cycling = true;
    if (atomic_compare_exchange_strong(&pages_requested, &requested, PAGES_REQUEST_NONE))
        tell_program();
    cache.cycling = false;
    os_cancel_restore(cancel);
    errno = saved;
    return true;
}

COLD bool cycle_run_requested(bool is_refused)
{
    switch (atomic_load_explicit(&pages_requested, memory_order_relaxed)) {
    case PAGES_REQUEST_VOLUME:
        return cycle_run(CYCLE_VOLUME);
    case PAGES_REQUEST_GROWTH:
        return cycle_run(CYCLE_GROWTH);
    case PAGES_REQUEST_PRESSURE:
        return tell_pressure();
    case PAGES_REQUEST_LIMIT:
        return run_for_limit(is_refused);
    default:
        return true; /* another thread was faster */
    }
}
