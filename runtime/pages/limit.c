/* limit: see limit.h. */
#include "runtime/pages/limit.h"

#include <stdatomic.h>

#include "runtime/os/check.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/pages.h"

_Atomic uint32_t pages_due;

static struct {
    int64_t soft, hard; /* bytes; INT64_MAX: none */
    void (*refused)(void *context, size_t wanted);
    void *refused_context;
    _Atomic bool pressed;
    growth_t growth;
} limit = {.soft = INT64_MAX, .hard = INT64_MAX, .growth = GROWTH_UNHEEDED};

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
    growth_restart(&limit.growth, idle_inuse_bytes(), idle_gc_percent(), lower_limit());
}

bool limit_admit(size_t fresh)
{
    size_t lower = lower_limit();
    size_t wanted = idle_held_bytes() + fresh;
    if (UNLIKELY(idle_inuse_bytes() + fresh >= limit.growth.at))
        raise_due(PAGES_DUE_GROWTH);
    if (LIKELY(wanted <= lower))
        return true;
    size_t excess = wanted - lower, held = idle_bytes();
    if (idle_release_to(held > excess ? held - excess : 0))
        ledger.limit_releases++;
    wanted = idle_held_bytes() + fresh;
    atomic_store_explicit(&limit.pressed, wanted > lower, memory_order_relaxed);
    if (wanted > lower && idle_inuse_bytes() + fresh >= limit.growth.pressed_at)
        raise_due(PAGES_DUE_LIMIT);
    return wanted <= (size_t)limit.hard;
}

bool limit_refuses(size_t bytes)
{
    bool refused = idle_held_bytes() + bytes > (size_t)limit.hard;
    if (refused && !limit.growth.spent)
        raise_due(PAGES_DUE_LIMIT);
    else
        ledger.refusals += refused;
    return refused;
}

COLD bool limit_ask_program(size_t wanted)
{
    static __thread bool asking __attribute__((tls_model("initial-exec")));
    if (!limit.refused || asking || pages_due == PAGES_DUE_LIMIT /* a cycle comes first */)
        return false;
    asking = true;
    limit.refused(limit.refused_context, wanted);
    asking = false;
    return true;
}

void limit_taken(void)
{
    limit.growth.spent = !limit.growth.heeded;
}

/* --- knobs --- */

void limit_set(int64_t soft, int64_t hard)
{
    limit.soft = soft;
    limit.hard = hard;
    if (limit.growth.heeded)
        limit.growth.pressed_at = 0; /* of a new limit nobody knows yet whether a cycle helps */
    limit_admit(0);
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
