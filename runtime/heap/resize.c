/* resize: the entry points of heap.h for realloc and malloc_usable_size. */
#include <stdint.h>

#include "runtime/cells/bootstrap.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/control/divert.h"
#include "runtime/debug/misuse.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/harden/harden.h"
#include "runtime/heap/find.h"
#include "runtime/heap/heap.h"
#include "runtime/heap/hooks.h"
#include "runtime/heap/retry.h"
#include "runtime/malloc/fast.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/raw.h"
#include "runtime/malloc/shield.h"
#include "runtime/malloc/zero.h"
#include "runtime/os/copy.h"
#include "runtime/profile/budget.h"
#include "runtime/profile/guard.h"
#include "runtime/profile/origin.h"
#include "runtime/profile/profile.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

static void *move_block(void *p, size_t old, size_t size)
{
    bool may_be_charged = UNLIKELY(atomic_load_explicit(&budget_is_used, memory_order_relaxed));
    weir_account *before = may_be_charged ? divert_to_account_of(p) : NULL;
    void *to = heap_malloc_fast(size);
    if (may_be_charged)
        divert_to(before);
    if (!to)
        return NULL;
    os_copy_written(to, p, old < size ? old : size);
    if (UNLIKELY(options.escape))
        profile_becomes(p, to);
    heap_free_fast(p);
    return to;
}

static void *realloc_outside(void *p, size_t size)
{
    if (bootstrap_owns(p))
        return move_block(p, bootstrap_size(p), size);
    if (guard_owns(p)) {
        size_t old = guard_size(p, "realloc()");
        return old == SIZE_MAX ? retry_no_memory() : move_block(p, old, size);
    }
    misuse_outside(p, "realloc()");
    return retry_no_memory();
}

static void *realloc_large_once(span_t *span, size_t size)
{
    heap_t *self = thread_heap();
    void *p = self ? large_realloc(self, span, size, heap_malloc) : retry_no_memory();
    thread_return_borrowed();
    return p;
}

static void *realloc_large(span_t *span, size_t size)
{
    weir_account *before = divert_to_account_of(span_start(span));
    void *p = realloc_large_once(span, size);
    if (retry_is_worth(p))
        p = retry_result(realloc_large_once(span, size));
    divert_to(before);
    return p;
}

static void *realloc_hardened(void *p, size_t size)
{
    shield_lift_around(p);
    heap_t *self = thread_heap();
    void *to = self ? harden_realloc(self, p, size) : retry_no_memory();
    thread_return_borrowed();
    return to;
}

/* May the block keep its place with this size? With rules of WEIR_KEEP or WEIR_NOSCAN the new size, or the
 * code that resizes the block, may demand another kind. */
static bool may_stay(span_t *span, size_t size)
{
    if (!options.collect || size > span_usable(span))
        return false;
    return LIKELY(!options.keep && !options.noscan) || hook_kind(size) == span->kind;
}

/* Give the end of a collected block back, unless it is less than a quarter of the block: a block that grows
 * gets an eighth more to grow into. False: most of the block is no longer needed, and the caller moves it. */
static bool shrink_collected(span_t *span, size_t size)
{
    size_t old = span_usable(span);
    heap_t *self = thread_heap();
    bool done = false;
    if (size < old / 4 * 3 && size > SMALL_MAX && self && !world_is_child()) {
        world_enter_as(self);
        done = collected_shrink(self, span, size);
        world_leave();
        thread_return_borrowed();
    }
    return done || size >= old / 2;
}

/* Grow a large collected block without a copy. NULL: the block is unchanged; *moves tells why: false if the
 * caller has to copy, true if there is no memory (large_grow_by_moving). */
static void *grow_collected(span_t *span, size_t size, bool *moves)
{
    heap_t *self = thread_heap();
    *moves = false;
    if (!self || !span_is_large(span) || world_is_child())
        return NULL;
    world_enter_as(self);
    void *to = collected_grow(self, span, size, moves);
    world_leave();
    thread_return_borrowed();
    return to;
}

/* Is it perhaps a trace that keeps the block from growing without a copy? */
static bool is_held(span_t *span, size_t size)
{
    const heap_t *self = thread_heap();
    return self && span_is_large(span) && !world_is_child() && large_grows_by_moving(self, span, size);
}

/* The same: grow to `room` bytes if there is memory for that, else to `size`. If that is refused, too, a
 * collection may make room. Under a limit there may be no room for a copy: so the block waits for the end of
 * a trace that holds it. */
static void *grow_to_room(span_t *span, size_t size, size_t room, bool *moves)
{
    void *to = grow_collected(span, room, moves);
    while (!to && !*moves && is_held(span, room) && hook_await_trace())
        to = grow_collected(span, room, moves);
    if (!to && *moves)
        to = grow_collected(span, size, moves);
    if (!to && *moves && retry_is_worth(to))
        to = retry_result(grow_collected(span, size, moves));
    return to;
}

/* Never NULL: what shrinks needs no memory. */
static void *shrink_or_move(span_t *span, void *p, size_t size)
{
    void *to = shrink_collected(span, size) ? p : move_block(p, span_usable(span), size);
    return to ? to : p;
}

/* A large block that grows gets an eighth more to grow into: else each of many small steps would copy all of
 * it. */
static void *grow_or_copy(span_t *span, void *p, size_t size)
{
    size_t old = span_usable(span), room = size;
    if (options.collect && size > old && size > SMALL_MAX && size < PTRDIFF_MAX / 2 && !options.keep &&
        !options.noscan) {
        bool moves;
        room += size / 8;
        void *grown = grow_to_room(span, size, room, &moves);
        if (grown || moves) /* if moving the pages is refused, so is a copy, which needs more */
            return grown;
    }
    void *to = move_block(p, old, room);
    return to || room == size ? to : move_block(p, old, size);
}

/* realloc of a collected block. The result is manual memory, except under WEIR_COLLECT. When leaks are looked
 * for, the code that resizes a block counts as the one that allocated it. */
static void *realloc_collected(span_t *span, void *p, size_t size)
{
    void *to = may_stay(span, size) ? shrink_or_move(span, p, size) : grow_or_copy(span, p, size);
    if (to && UNLIKELY(options.leaks))
        origin_note(to, size);
    return to;
}

void *heap_realloc(void *p, size_t size)
{
    if (!p)
        return heap_malloc_fast(size);
    if (size == 0) {
        heap_free_fast(p);
        return NULL;
    }
    if (UNLIKELY(!region_owns(p)))
        return realloc_outside(p, size);
    if (UNLIKELY(zero_owns(p)))
        return move_block(p, 0, size);
    if (find_is_hardened(p))
        return realloc_hardened(p, size);
    span_t *span = find_span(p, "realloc()");
    if (UNLIKELY(!span))
        return retry_no_memory();
    if (span_is_large(span))
        shield_lift_if_any(span);
    if (UNLIKELY(span->kind != KIND_MANUAL))
        return realloc_collected(span, p, size);
    if (span_is_large(span))
        return realloc_large(span, size);
    heap_t *owner = __atomic_load_n(&span->heap, __ATOMIC_RELAXED);
    if (UNLIKELY(raw_is_tagged(span, p)) && owner == cache.heap && raw_is_free_here(owner, span, p)) {
        misuse_report("use after free of", p, span->cell_size, "realloc()");
        return retry_no_memory();
    }
    size_t old = span->cell_size;
    return size <= old && size >= old / 2 ? p : move_block(p, old, size);
}

size_t heap_usable_size(const void *p)
{
    if (UNLIKELY(guard_owns(p))) {
        size_t size = guard_size(p, "malloc_usable_size()");
        return size == SIZE_MAX ? 0 : size;
    }
    if (!region_owns(p))
        return bootstrap_owns(p) ? bootstrap_size(p) : 0;
    if (zero_owns(p))
        return 0;
    if (find_is_hardened(p))
        return harden_usable(p);
    span_t *span = find_span(p, "malloc_usable_size()");
    return span ? span_usable(span) : 0;
}
