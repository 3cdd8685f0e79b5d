/* limit: see limit.h. */
#include "runtime/pages/limit.h"

#include <stdatomic.h>

#include "runtime/os/check.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/runs.h"

_Atomic uint32_t pages_due;

enum { LIMIT_SHARE = 64, REFILL_SHARE = 16 };

_Atomic bool pages_limited;

static struct {
    int64_t soft, hard; /* bytes; INT64_MAX: none */
    size_t due_at;      /* held bytes: a cycle for the limit is due from here on */
    bool heeded;        /* somebody runs the cycles for the limit */
    void (*refused)(void *context, size_t wanted);
    void *refused_context;
    _Atomic bool pressed;
    _Atomic size_t refilled; /* bytes that went into caches while pressed, since the last cycle */
    growth_t growth;
} limit = {.soft = INT64_MAX, .hard = INT64_MAX, .growth = GROWTH_UNHEEDED};

/* The thread has run a cycle for a request, and repeats it. */
static __thread bool retrying __attribute__((tls_model("initial-exec")));

static size_t lower_limit(void)
{
    return (size_t)(limit.soft < limit.hard ? limit.soft : limit.hard);
}

/* The limit is the more urgent reason. */
static void raise_due(enum pages_due reason)
{
    if (pages_due < reason)
        atomic_store_explicit(&pages_due, reason, memory_order_relaxed);
}

void limit_fell(void)
{
    growth_fell(&limit.growth, idle_inuse_bytes(), idle_gc_percent());
    idle_apply_rule();
}

void limit_restart_growth(void)
{
    growth_restart(&limit.growth, idle_inuse_bytes(), idle_gc_percent());
}

/* So much is held: a growth by 1/64 of the limit from the least that was held since the last cycle makes one due. */
static void note_held(size_t held)
{
    size_t step = lower_limit() / LIMIT_SHARE;
    if (limit.due_at > held + step)
        limit.due_at = held + step;
}

/* Idle memory first, then the touched ends of slots behind large objects. */
static void release(size_t excess)
{
    size_t idle = idle_bytes();
    bool released = purge_to(idle > excess ? idle - excess : 0);
    size_t slack = ledger.pages_slack * OS_PAGE;
    if (idle < excess && slack &&
        (slack >= lower_limit() / LIMIT_SHARE || lower_limit() == (size_t)limit.hard))
        released |= runs_release_slack();
    ledger.limit_releases += released;
}

bool limit_admit(size_t fresh)
{
    size_t lower = lower_limit(), held = idle_held_bytes();
    if (UNLIKELY(idle_inuse_bytes() + fresh >= limit.growth.at))
        raise_due(PAGES_DUE_GROWTH);
    if (LIKELY(lower == INT64_MAX))
        return true;
    note_held(held);
    if (held + fresh > lower) {
        release(held + fresh - lower);
        held = idle_held_bytes();
    }
    bool over = held + fresh > lower;
    atomic_store_explicit(&limit.pressed, over, memory_order_relaxed);
    if (over && limit.heeded && held + fresh >= limit.due_at)
        raise_due(PAGES_DUE_LIMIT);
    return held + fresh <= (size_t)limit.hard;
}

bool limit_refuses(size_t bytes)
{
    bool refused = idle_held_bytes() + bytes > (size_t)limit.hard;
    if (refused && limit.heeded && !retrying)
        raise_due(PAGES_DUE_LIMIT);
    else
        ledger.refusals += refused;
    return refused;
}

COLD bool limit_ask_program(size_t wanted)
{
    static __thread bool asking __attribute__((tls_model("initial-exec")));
    if (!limit.refused || asking || (limit.heeded && !retrying))
        return false;
    asking = true;
    limit.refused(limit.refused_context, wanted);
    asking = false;
    return true;
}

void limit_note_refill(size_t bytes)
{
    size_t refilled = atomic_fetch_add_explicit(&limit.refilled, bytes, memory_order_relaxed) + bytes;
    if (refilled >= lower_limit() / REFILL_SHARE && limit.heeded)
        raise_due(PAGES_DUE_LIMIT);
}

void limit_restart(void)
{
    atomic_store_explicit(&limit.refilled, 0, memory_order_relaxed);
    limit.due_at = idle_held_bytes() + lower_limit() / LIMIT_SHARE;
}

void limit_retry_begins(void)
{
    retrying = true;
}

void limit_retry_ends(void)
{
    retrying = false;
}

/* --- knobs --- */

void limit_set(int64_t soft, int64_t hard)
{
    limit.soft = soft;
    limit.hard = hard;
    limit.due_at = 0; /* of a new limit nobody knows yet whether a cycle helps */
    atomic_store_explicit(&pages_limited, limit_is_set(), memory_order_relaxed);
    limit_admit(0);
}

void limit_heed(void)
{
    limit.heeded = true;
}

void limit_set_gc_percent(int64_t percent)
{
    growth_aim(&limit.growth, percent);
    idle_set_gc_percent(percent);
}

void limit_set_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    limit.refused = callback;
    limit.refused_context = context;
}

bool limit_is_set(void)
{
    return limit.soft < INT64_MAX || limit.hard < INT64_MAX;
}

bool limit_has_room(size_t bytes)
{
    return idle_held_bytes() + bytes <= lower_limit();
}

bool limit_is_pressed(void)
{
    return atomic_load_explicit(&limit.pressed, memory_order_relaxed);
}
