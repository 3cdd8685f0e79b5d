/* pages_limit: the entry points of pages.h for the limits, for requests of cycles, for what is held, and
 * around fork. They take the lock and call limit and held. */
#include "runtime/pages/held.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/pages_lock.h"
#include "runtime/pages/purge.h"
#include "runtime/region/extents.h"

void pages_set_gc_percent(int64_t percent)
{
    lock_acquire(&pages_lock);
    limit_set_gc_percent(percent);
    lock_release(&pages_lock);
}

static int64_t set_limit(enum limit_kind kind, int64_t bytes)
{
    lock_acquire(&pages_lock);
    int64_t old = limit_bytes(kind);
    limit_set(kind, bytes);
    lock_release(&pages_lock);
    return old;
}

int64_t pages_set_soft_limit(int64_t bytes)
{
    return set_limit(LIMIT_SOFT, bytes);
}

int64_t pages_set_hard_limit(int64_t bytes)
{
    return set_limit(LIMIT_HARD, bytes);
}

void pages_follow_memory(unsigned soft_percent, unsigned hard_percent)
{
    lock_acquire(&pages_lock);
    limit_follow(LIMIT_SOFT, soft_percent);
    limit_follow(LIMIT_HARD, hard_percent);
    lock_release(&pages_lock);
}

bool pages_set_limit_scope(bool is_process)
{
    lock_acquire(&pages_lock);
    bool old = limit_set_scope(is_process);
    lock_release(&pages_lock);
    return old;
}

int64_t pages_soft_limit(void)
{
    return limit_bytes(LIMIT_SOFT);
}

int64_t pages_hard_limit(void)
{
    return limit_bytes(LIMIT_HARD);
}

int64_t pages_soft_room(void)
{
    return limit_room();
}

void pages_read_process(size_t *resident, size_t *foreign)
{
    lock_acquire(&pages_lock);
    limit_process_t process = limit_read_process();
    lock_release(&pages_lock);
    *resident = process.resident;
    *foreign = process.foreign;
}

void pages_look(size_t bytes)
{
    if (!limit_wants_look(bytes) || !lock_try(&pages_lock)) /* the holder looks, or the next one does */
        return;
    limit_look();
    limit_admit(0);
    lock_release(&pages_lock);
}

void pages_subscribe_growth(void)
{
    lock_acquire(&pages_lock);
    limit_restart_growth();
    lock_release(&pages_lock);
}

void pages_subscribe_limit(void)
{
    lock_acquire(&pages_lock);
    limit_subscribe();
    lock_release(&pages_lock);
}

void pages_cycle_done(void)
{
    lock_acquire(&pages_lock);
    limit_restart_growth();
    limit_admit(0);
    limit_restart();
    atomic_store_explicit(&pages_requested, PAGES_REQUEST_NONE, memory_order_relaxed);
    lock_release(&pages_lock);
}

void pages_retry_begins(void)
{
    limit_retry_begins();
}

void pages_retry_ends(void)
{
    limit_retry_ends();
}

void pages_set_refusal_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    lock_acquire(&pages_lock);
    limit_set_callback(callback, context);
    lock_release(&pages_lock);
}

size_t pages_excess(bool with_room)
{
    lock_acquire(&pages_lock);
    size_t excess = limit_excess(with_room);
    lock_release(&pages_lock);
    return excess;
}

bool pages_would_refuse(void)
{
    lock_acquire(&pages_lock);
    bool refuse = limit_would_refuse();
    lock_release(&pages_lock);
    return refuse;
}

size_t pages_inuse(void)
{
    lock_acquire(&pages_lock);
    size_t inuse = held_bytes() - held_idle();
    lock_release(&pages_lock);
    return inuse;
}

size_t pages_peak_held(bool reset)
{
    lock_acquire(&pages_lock);
    size_t peak = held_peak(reset);
    lock_release(&pages_lock);
    return peak;
}

void pages_watch_pressure(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                          void *context)
{
    lock_acquire(&pages_lock);
    limit_watch_pressure(percent, callback, context);
    lock_release(&pages_lock);
}

pages_pressure_t pages_tell_pressure(void)
{
    lock_acquire(&pages_lock);
    pages_pressure_t pressure = limit_tell_pressure();
    lock_release(&pages_lock);
    return pressure;
}

bool pages_fit(void)
{
    return pages_has_room(0);
}

bool pages_has_room(size_t bytes)
{
    lock_acquire(&pages_lock);
    bool has_room = limit_has_room(bytes);
    lock_release(&pages_lock);
    return has_room;
}

void pages_note_refill(size_t bytes)
{
    limit_note_refill(bytes);
}

bool pages_before_fork(void)
{
    if (!lock_acquire_soon(&pages_lock))
        return false;
    extents_before_fork();
    return true;
}

void pages_after_fork(bool child)
{
    if (lock_may_repair(&pages_lock)) {
        extents_after_fork(child);
        if (child) {
            purge_after_fork_child();
            limit_after_fork_child();
        }
    }
    lock_after_fork(&pages_lock, child);
}
