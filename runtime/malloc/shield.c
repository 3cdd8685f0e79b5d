/* shield: see shield.h. */
#include "runtime/malloc/shield.h"

#include <errno.h>

#include "runtime/cells/span_size.h"
#include "runtime/os/os.h"

_Atomic bool shield_hides_any;

/* The present slot belongs to an object that begins in an earlier one, or to none. */
static bool is_inside(const span_t *span)
{
    enum span_state state = span_state(span);
    return state == SPAN_NONE || state == SPAN_TAIL;
}

static bool is_around(span_t *span, uintptr_t from, uintptr_t to)
{
    uintptr_t start = (uintptr_t)span_start(span);
    return span_is_large(span) && start <= from && to - start <= large_usable(span);
}

/* The later slots of a manual object do not say where it begins, hence the walk. A program that protects
 * parts of one large object again and again, as a collector of its own may, finds it at once. */
span_t *shield_find(uintptr_t from, uintptr_t to)
{
    static _Atomic uint32_t last; /* where the object of the last call began */
    span_t *span = span_of_slot(atomic_load_explicit(&last, memory_order_relaxed));
    if (is_around(span, from, to))
        return span;
    for (span = span_of_slot(region_slot((const void *)from)); is_inside(span) && span > region_spans;)
        span--;
    if (!is_around(span, from, to))
        return NULL;
    atomic_store_explicit(&last, span_slot(span), memory_order_relaxed);
    return span;
}

void shield_note(span_t *span, bool hides)
{
    if (hides)
        atomic_store(&shield_hides_any, true);
    collected_set_flag(span, COLLECTED_SHIELDED | (hides ? COLLECTED_HIDDEN : 0));
}

void shield_lift(span_t *span)
{
    int saved = errno;
    collected_clear_flag(span, COLLECTED_SHIELDED);
    char *start = span_start(span);
    size_t bytes = large_usable(span);
    if (!os_unprotect(start, bytes) && errno == ENOMEM) {
        os_map_missing(start, bytes);
        os_unprotect(start, bytes);
    }
    errno = saved;
}

void shield_lift_around(const void *p)
{
    span_t *span = region_owns(p) ? shield_find((uintptr_t)p, (uintptr_t)p) : NULL;
    if (span)
        shield_lift_if_any(span);
}
