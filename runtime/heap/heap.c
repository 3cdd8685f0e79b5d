/* heap: see heap.h. The entry points: each finds out which part of the heap an address or a size belongs to
 * and hands it on.
 *
 *     size 0           zero.h          1..SMALL_MAX   thread cache, span.c          more   large.h
 *     address          its slot's descriptor says which span, whose, and in what state
 */
#include "runtime/heap/heap.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "runtime/heap/bootstrap.h"
#include "runtime/heap/calls.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/cycle.h"
#include "runtime/heap/fast.h"
#include "runtime/heap/gate.h"
#include "runtime/heap/guard.h"
#include "runtime/heap/harden.h"
#include "runtime/heap/hollow.h"
#include "runtime/heap/large.h"
#include "runtime/heap/misuse.h"
#include "runtime/heap/origin.h"
#include "runtime/heap/profile.h"
#include "runtime/heap/raw.h"
#include "runtime/heap/sampled.h"
#include "runtime/heap/spare.h"
#include "runtime/heap/tend.h"
#include "runtime/heap/upcall.h"
#include "runtime/heap/world.h"
#include "runtime/heap/zero.h"
#include "runtime/os/copy.h"
#include "runtime/os/options.h"
#include "runtime/pages/pages.h"

/* --- allocating --- */

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

/* Whatever the kernel's error was. */
static void *or_enomem(void *p)
{
    return p ? p : no_memory();
}

/* This thread has no heap: memory is out, or this is a signal handler that interrupts the making of one. */
COLD static void *alloc_without_heap(size_t size, size_t alignment)
{
    void *p = cache.starting ? bootstrap_alloc(size, alignment) : NULL;
    return p ? p : no_memory();
}

static void *malloc_zero_size(heap_t *self, enum heap_call call)
{
    void *p = zero_malloc();
    if (LIKELY(p != NULL))
        return p;
    return options.harden ? harden_malloc(self, 0, 16, call) : raw_malloc(self, 1);
}

/* 0 < size <= SMALL_MAX */
ALWAYS_INLINE void *malloc_cell(heap_t *self, size_t size)
{
    uint32_t cls = class_of(size);
    gate_enter(self);
    cell_t *cell = self->bins[cls];
    if (LIKELY(cell != NULL)) {
        self->bins[cls] = cell->next;
        cell->mark = NULL;
    } else {
        cell = span_refill(self, cls, size);
    }
    gate_leave(self);
    return cell;
}

void *raw_malloc(heap_t *self, size_t size)
{
    if (UNLIKELY(size > SMALL_MAX))
        return large_malloc(self, size, 1, false);
    return malloc_cell(self, size);
}

/* Is the thread cache what allocations come from? Not before the first use, past the thread's end, hardened,
 * or under WEIR_COLLECT. */
static bool uses_cache(const heap_t *self)
{
    return LIKELY(self && self->bins == cache.bins && !cache.ended);
}

/* After an allocation on a slow path, p its result: run the cycle if one is due. True: p was refused and the cycle
 * may have made room; the caller allocates again and passes the result through `retried`. */
static bool is_worth_another_try(const void *p)
{
    if (LIKELY(!cycle_is_due()) || !cycle_run_due(p == NULL) || p)
        return false;
    pages_retry_begins();
    return true;
}

static void *retried(void *p)
{
    pages_retry_ends();
    return p;
}

static void *malloc_anywhere_once(size_t size, enum heap_call call)
{
    heap_t *self = thread_heap();
    void *p;
    if (UNLIKELY(!self))
        return alloc_without_heap(size, 1);
    if (UNLIKELY(size == 0))
        p = malloc_zero_size(self, call);
    else if (UNLIKELY(options.collect))
        p = upcall_collected(size, 1);
    else if (UNLIKELY(options.harden))
        p = harden_malloc(self, size, 16, call);
    else
        p = raw_malloc(self, size);
    if (UNLIKELY(cache.ended))
        thread_return_borrowed();
    return p;
}

static void *malloc_anywhere(size_t size, enum heap_call call)
{
    void *p = malloc_anywhere_once(size, call);
    return is_worth_another_try(p) ? retried(malloc_anywhere_once(size, call)) : or_enomem(p);
}

void *heap_malloc_slow(size_t size)
{
    heap_t *self = cache.heap;
    if (LIKELY(size != 0) && uses_cache(self)) {
        void *p = LIKELY(size <= SMALL_MAX) ? malloc_cell(self, size) : large_malloc(self, size, 1, false);
        return is_worth_another_try(p) ? retried(malloc_anywhere_once(size, HEAP_CALL_MALLOC)) : or_enomem(p);
    }
    return malloc_anywhere(size, HEAP_CALL_MALLOC);
}

void *heap_malloc_slow_as(size_t size, enum heap_call call)
{
    return uses_cache(cache.heap) ? heap_malloc_slow(size) : malloc_anywhere(size, call);
}

void *heap_malloc(size_t size)
{
    return heap_malloc_fast(size);
}

static void *calloc_large_once(size_t size)
{
    heap_t *self = thread_heap();
    void *p = self ? large_malloc(self, size, 1, true) : alloc_without_heap(size, 1);
    thread_return_borrowed();
    return p;
}

static void *calloc_large(size_t size)
{
    void *p = calloc_large_once(size);
    return is_worth_another_try(p) ? retried(calloc_large_once(size)) : or_enomem(p);
}

void *heap_calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return no_memory();
    if (total > SMALL_MAX && !options.harden && !options.collect)
        return calloc_large(total);
    void *p = heap_malloc_fast(total);
    bool is_clear = options.collect || (options.harden && total > SMALL_MAX);
    return p && total && !is_clear ? memset(p, 0, total) : p;
}

void *raw_aligned(heap_t *self, size_t alignment, size_t size)
{
    if (size > SMALL_MAX || alignment > SMALL_MAX)
        return large_malloc(self, size, alignment, false);
    return raw_malloc(self, class_size(raw_class(alignment, size)));
}

void *heap_aligned(size_t alignment, size_t size)
{
    return heap_aligned_as(alignment, size, HEAP_CALL_MALLOC);
}

static void *aligned_once(size_t alignment, size_t size, enum heap_call call)
{
    heap_t *self = thread_heap();
    if (UNLIKELY(!self))
        return alloc_without_heap(size, alignment);
    if (size > PTRDIFF_MAX || alignment > region.size)
        return no_memory();
    void *p;
    if (options.collect)
        p = upcall_collected(size ? size : 1, alignment);
    else if (options.harden)
        p = harden_malloc(self, size, alignment, call);
    else
        p = raw_aligned(self, alignment, size ? size : 1);
    thread_return_borrowed();
    return p;
}

void *heap_aligned_as(size_t alignment, size_t size, enum heap_call call)
{
    if (alignment <= 16)
        return heap_malloc_as(size, call);
    void *p = aligned_once(alignment, size, call);
    return is_worth_another_try(p) ? retried(aligned_once(alignment, size, call)) : or_enomem(p);
}

void *heap_manual(size_t alignment, size_t size)
{
    if (LIKELY(!options.collect))
        return heap_aligned(alignment, size);
    heap_t *self = thread_heap();
    void *p = self && size <= PTRDIFF_MAX ? raw_aligned(self, alignment, size) : no_memory();
    thread_return_borrowed();
    return p;
}

/* --- whose is an address? --- */

/* Was this the start of a block, in the last span or large object before its slot became free? A guess, for
 * the words of a report. */
static bool was_block(span_t *span, size_t offset)
{
    return offset == 0 ? large_usable(span) != 0 : span->cell_size != 0 && offset % span->cell_size == 0;
}

/* The span that p is the start of a cell of; NULL, and a line, if there is none. Racy by nature when a
 * program frees what is not its own; never reads what is not mapped. */
static span_t *span_of(const void *p, const char *call)
{
    if (!region_owns(p)) {
        misuse_outside(p, call);
        return NULL;
    }
    span_t *span = span_of_slot(region_slot(p));
    enum span_state state = span_state(span);
    size_t offset = (uintptr_t)p % SLOT_SIZE;
    if (state == SPAN_LARGE || state == SPAN_HUGE) {
        if (offset == 0)
            return span;
        misuse_report("interior address at", p, large_usable(span), call);
        return NULL;
    }
    if (state == SPAN_COLLECTED && offset % span->cell_size == 0 && offset / span->cell_size < span->cells)
        return span;
    if (state == SPAN_TAIL) {
        misuse_report("interior address at", p, large_usable(span_of_slot(span->first)), call);
        return NULL;
    }
    if (state == SPAN_NONE) {
        misuse_report(was_block(span, offset) ? "double free of" : "unallocated address at", p, 0, call);
        return NULL;
    }
    if (offset % span->cell_size == 0 && offset / span->cell_size < span_initialized(span))
        return span;
    misuse_report(offset / span->cell_size < span_initialized(span) ? "interior address at"
                                                                    : "unallocated address at",
                  p, span->cell_size, call);
    return NULL;
}

/* Hardening dresses manual memory only. p lies in the region. */
static bool is_dressed(const void *p)
{
    return UNLIKELY(options.harden) && span_of_slot(region_slot(p))->kind == KIND_MANUAL;
}

/* Is the cell in one of the lists of free cells of its span? The owner asks. */
static bool is_free(heap_t *self, span_t *span, const void *p)
{
    uint32_t left = span->cells;
    for (cell_t *cell = span->free; cell && left--; cell = cell->next)
        if (cell == p)
            return true;
        else if (!region_owns(cell))
            return true; /* the list was overwritten after a free: nothing to be trusted here */
    left = span->cells;
    if (span->state == SPAN_ACTIVE)
        for (cell_t *cell = self->bins[span->cls]; cell && left--; cell = cell->next)
            if (cell == p)
                return true;
    return false;
}

static bool is_free_here(heap_t *self, span_t *span, const void *p)
{
    gate_enter(self);
    bool free = is_free(self, span, p);
    gate_leave(self);
    return free;
}

/* --- freeing --- */

static bool is_marked(const span_t *span, const void *p)
{
    return ((const cell_t *)p)->mark == span;
}

static void free_cell(heap_t *self, span_t *span, void *p)
{
    bool own = __atomic_load_n(&span->heap, __ATOMIC_RELAXED) == self;
    gate_enter(self);
    if (UNLIKELY(is_marked(span, p)) && (!own || is_free(self, span, p)))
        misuse_report("double free of", p, span->cell_size, "free()");
    else if (own)
        span_free_cell(span, p);
    else if (span_state(span) == SPAN_SAMPLED)
        sampled_free(span, p);
    else
        remote_free(self, span, p);
    gate_leave(self);
}

static void free_collected(heap_t *self, span_t *span, void *p)
{
    if (UNLIKELY(collected_has_flag(span, COLLECTED_HAS_RECORD)))
        upcall_freed(p);
    if (UNLIKELY(options.leaks))
        origin_forget(p);
    world_enter_as(self);
    bool done = collected_free(self, span, p);
    world_leave();
    if (!done)
        misuse_report("double free of", p, span->cell_size, "free()");
}

void raw_free(heap_t *self, span_t *span, void *p)
{
    if (span->kind != KIND_MANUAL)
        free_collected(self, span, p);
    else if (span_is_large(span))
        large_free(self, span);
    else
        free_cell(self, span, p);
}

static void free_zero_size(void *p)
{
    if (!zero_free(p))
        misuse_report((uintptr_t)p % 16 ? "interior address at" : "double free of", p, 0, "free()");
}

/* p is where a large object starts. */
static void free_large(heap_t *self, span_t *span)
{
    int saved = errno;
    large_free(self, span);
    errno = saved;
}

/* The ordinary cases of the slow path: a cell of another thread's, not marked as free; a large object. */
static bool free_ordinary(void *p)
{
    size_t unit = region_unit(p);
    heap_t *self = cache.heap;
    if (!region_has_unit(unit) || !uses_cache(self))
        return false;
    span_t *span = span_of_unit(unit);
    heap_t *owner = __atomic_load_n(&span->heap, __ATOMIC_RELAXED);
    if (span->kind != KIND_MANUAL || owner == self)
        return false;
    if (!owner && span_is_large(span) && (uintptr_t)p % SLOT_SIZE == 0) {
        free_large(self, span);
        return true;
    }
    if (!owner || ((cell_t *)p)->mark == span)
        return false;
    gate_enter(self);
    remote_free(self, span, p);
    gate_leave(self);
    return true;
}

static void free_guarded(heap_t *self, void *p, size_t size)
{
    if (size != HEAP_SIZE_UNKNOWN && size > guard_size(p, "sized free"))
        misuse_report("size mismatch at", p, guard_size(p, "sized free"), "sized free");
    gate_enter(self);
    sampled_guarded_free(self, p);
    gate_leave(self);
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
    } else if (self && UNLIKELY(options.harden) && (!region_owns(p) || is_dressed(p))) {
        harden_free(self, p, call, size);
    } else if (self) {
        span_t *span = span_of(p, "free()");
        if (span && UNLIKELY(size != HEAP_SIZE_UNKNOWN && size > span_usable(span)))
            misuse_report("size mismatch at", p, span_usable(span), "sized free");
        else if (span)
            raw_free(self, span, p);
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
    if (LIKELY(fits) && uses_cache(cache.heap))
        heap_free_slow(p);
    else
        free_anything(p, call, size);
}

/* The span may go back to the pages. */
static void event_keeping_errno(span_t *span)
{
    int saved = errno;
    span_event(span);
    errno = saved;
}

/* While this waited at the gate, the thread that tended the heap may have seen to it, and the span may be another's. */
void heap_free_event(span_t *span)
{
    heap_t *self = cache.heap;
    gate_enter(self);
    if (LIKELY(span->heap == self && span->frees_until_event == 0)) {
        if (LIKELY(span->state == SPAN_FULL))
            span_event(span);
        else
            event_keeping_errno(span);
    }
    gate_leave(self);
}

void heap_free(void *p)
{
    heap_free_fast(p);
}

void heap_free_sized(void *p, size_t size)
{
    heap_free_sized_as(p, size, HEAP_CALL_MALLOC);
}

/* --- resizing --- */

static void *move_block(void *p, size_t old, size_t size)
{
    void *to = heap_malloc_fast(size);
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
        return old == SIZE_MAX ? no_memory() : move_block(p, old, size);
    }
    misuse_outside(p, "realloc()");
    return no_memory();
}

static void *realloc_large(span_t *span, size_t size)
{
    heap_t *self = thread_heap();
    void *p = self ? large_realloc(self, span, size) : no_memory();
    thread_return_borrowed();
    if (is_worth_another_try(p))
        p = retried(large_realloc(thread_heap(), span, size));
    return p;
}

static void *realloc_hardened(void *p, size_t size)
{
    heap_t *self = thread_heap();
    void *to = self ? harden_realloc(self, p, size) : no_memory();
    thread_return_borrowed();
    return to;
}

/* May the block keep its place with this size? With rules of WEIR_KEEP or WEIR_NOSCAN what held for its old
 * size, or for the code that asked first, may not hold any more. */
static bool may_stay(span_t *span, size_t size)
{
    size_t old = span_usable(span);
    if (!options.collect || size > old || size < old / 2)
        return false;
    return LIKELY(!options.keep && !options.noscan) || upcall_kind(size) == span->kind;
}

/* What asks for manual memory gets it, but under WEIR_COLLECT, where all is collected. When leaks are looked
 * for, the code that resizes a block is the one that allocated it. Large blocks that grow get an eighth more to
 * grow into: else each of many small steps would copy all of it. */
static void *realloc_collected(span_t *span, void *p, size_t size)
{
    size_t old = span_usable(span), room = size;
    bool stays = may_stay(span, size);
    if (!stays && options.collect && size > old && size > SMALL_MAX && size < PTRDIFF_MAX / 2 &&
        !options.keep && !options.noscan)
        room += size / 8;
    void *to = stays ? p : move_block(p, old, room);
    if (!to && room > size)
        to = move_block(p, old, size);
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
    if (is_dressed(p))
        return realloc_hardened(p, size);
    span_t *span = span_of(p, "realloc()");
    if (UNLIKELY(!span))
        return no_memory();
    if (UNLIKELY(span->kind != KIND_MANUAL))
        return realloc_collected(span, p, size);
    if (span_is_large(span))
        return realloc_large(span, size);
    heap_t *owner = __atomic_load_n(&span->heap, __ATOMIC_RELAXED);
    if (UNLIKELY(is_marked(span, p)) && owner == cache.heap && is_free_here(owner, span, p)) {
        misuse_report("use after free of", p, span->cell_size, "realloc()");
        return no_memory();
    }
    size_t old = span->cell_size;
    return size <= old && size >= old / 2 ? p : move_block(p, old, size);
}

/* --- asking --- */

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
    if (is_dressed(p))
        return harden_usable(p);
    span_t *span = span_of(p, "malloc_usable_size()");
    return span ? span_usable(span) : 0;
}

size_t heap_cell_size(const void *p)
{
    if (UNLIKELY(guard_owns(p)))
        return heap_usable_size(p);
    if (!region_owns(p) || zero_owns(p))
        return 0;
    span_t *span = span_of_slot(region_slot(p));
    return span_state(span) == SPAN_NONE ? 0 : span_usable(span);
}

bool heap_owns(const void *p)
{
    return region_owns(p) || guard_owns(p);
}

static bool has_mail(const heap_t *self)
{
    return atomic_load_explicit(&self->inbox, memory_order_relaxed) != NULL;
}

static void shed_own(heap_t *self)
{
    gate_enter(self);
    remote_flush(self);
    remote_drain(self);
    span_release_empty(self);
    spare_release(self);
    hollow_heap(self, NULL);
    gate_leave(self);
}

void heap_shed(bool every)
{
    heap_t *self = thread_heap();
    if (!self)
        return;
    if (options.harden)
        harden_shed(self);
    shed_own(self);
    tend_all(every);
    if (has_mail(self))
        shed_own(self); /* what others had of ours */
    orphans_release_empty();
    thread_return_borrowed();
}

void heap_shed_own(void)
{
    heap_t *self = thread_heap();
    if (self)
        shed_own(self);
    thread_return_borrowed();
}

bool heap_trim(size_t keep)
{
    heap_shed(true);
    bool trimmed = collected_trim();
    return pages_trim(keep) || trimmed;
}
