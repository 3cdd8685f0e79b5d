/* free: the entry points of heap.h that free. Each finds out which part of the heap an address belongs to and
 * hands it on.
 */
#include <errno.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/heap_call.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/debug/misuse.h"
#include "runtime/debug/span_check.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/harden/harden.h"
#include "runtime/heap/calls.h"
#include "runtime/heap/find.h"
#include "runtime/heap/heap.h"
#include "runtime/heap/hooks.h"
#include "runtime/malloc/fast.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/raw.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/shield.h"
#include "runtime/malloc/span.h"
#include "runtime/malloc/zero.h"
#include "runtime/profile/guard.h"
#include "runtime/profile/origin.h"
#include "runtime/profile/sampled.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"
#include "runtime/threads/world.h"

static void free_collected(heap_t *self, span_t *span, void *p)
{
    if (UNLIKELY(span_is_large(span)))
        shield_lift_if_any(span);
    if (UNLIKELY(collected_has_flag(span, COLLECTED_HAS_RECORD)))
        hook_freed(p);
    if (UNLIKELY(options.leaks))
        origin_forget(p);
    world_enter_as(self);
    bool done = collected_free(self, span, p);
    world_leave();
    if (!done)
        misuse_report("double free of", p, span->cell_size, "free()");
}

static void free_of_span(heap_t *self, span_t *span, void *p)
{
    if (span->kind != KIND_MANUAL)
        free_collected(self, span, p);
    else
        raw_free(self, span, p);
}

static void free_zero_size(void *p)
{
    if (!zero_free(p))
        misuse_report((uintptr_t)p % 16 ? "interior address at" : "double free of", p, 0, "free()");
}

/* Keeps errno. */
static void free_large(heap_t *self, span_t *span)
{
    int saved = errno;
    large_free(self, span);
    errno = saved;
}

/* The ordinary cases of the slow path: a cell of another thread, not tagged as free; a large object. */
static bool free_ordinary(void *p)
{
    size_t unit = region_unit(p);
    heap_t *self = cache.heap;
    if (!region_has_unit(unit) || !cache_is_used(self))
        return false;
    span_t *span = span_of_unit(unit);
    heap_t *owner = __atomic_load_n(&span->heap, __ATOMIC_RELAXED);
    if (span->kind != KIND_MANUAL || owner == self)
        return false;
    if (!owner && span_is_large(span) && (uintptr_t)p % SLOT_SIZE == 0) {
        free_large(self, span);
        return true;
    }
    if (!owner || ((cell_t *)p)->tag == span)
        return false;
    bias_enter(self);
    remote_free(self, span, p);
    bias_leave(self);
    return true;
}

static void free_guarded(heap_t *self, void *p, size_t size)
{
    if (size != HEAP_SIZE_UNKNOWN && size > guard_size(p, "sized free"))
        misuse_report("size mismatch at", p, guard_size(p, "sized free"), "sized free");
    bias_enter(self);
    sampled_guarded_free(self, p);
    bias_leave(self);
}

static void free_anything(void *p, enum heap_call call, size_t size)
{
    if (!p)
        return;
    int saved = errno;
    heap_t *self = thread_heap();
    if (zero_owns(p)) {
        free_zero_size(p);
    } else if (self && UNLIKELY(guard_owns(p))) {
        free_guarded(self, p, size);
    } else if (self && UNLIKELY(options.harden) && (!region_owns(p) || find_is_hardened(p))) {
        shield_lift_around(p);
        harden_free(self, p, call, size);
    } else if (self) {
        span_t *span = find_span(p, "free()");
        if (span && UNLIKELY(size != HEAP_SIZE_UNKNOWN && size > span_usable(span)))
            misuse_report("size mismatch at", p, span_usable(span), "sized free");
        else if (span)
            free_of_span(self, span, p);
    }
    thread_return_borrowed();
    errno = saved;
}

void heap_free_slow(void *p)
{
    if (LIKELY(free_ordinary(p)))
        return;
    free_anything(p, HEAP_CALL_MALLOC, HEAP_SIZE_UNKNOWN);
}

void heap_free_slow_as(void *p, enum heap_call call, size_t size)
{
    size_t unit = region_unit(p);
    bool fits = size == HEAP_SIZE_UNKNOWN || (region_has_unit(unit) && size <= span_of_unit(unit)->cell_size);
    if (LIKELY(fits) && cache_is_used(cache.heap))
        heap_free_slow(p);
    else
        free_anything(p, call, size);
}

/* The span may be given back to the pages, which may change errno. */
static void event_keeping_errno(span_t *span)
{
    int saved = errno;
    span_event(span);
    errno = saved;
}

/* While this thread waited for its bias, the tender may have handled the event (run_missed_events), and the
 * span may be in another heap now. */
void heap_free_event(span_t *span)
{
    heap_t *self = cache.heap;
    bias_enter(self);
    if (LIKELY(span->heap == self && span->frees_until_event == 0)) {
        if (LIKELY(span->state == SPAN_FULL))
            span_event(span);
        else
            event_keeping_errno(span);
    }
    bias_leave(self);
}

void heap_free(void *p)
{
    heap_free_fast(p);
}

void heap_free_sized(void *p, size_t size)
{
    heap_free_sized_as(p, size, HEAP_CALL_MALLOC);
}
