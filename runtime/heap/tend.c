/* tend: see tend.h. */
#include "runtime/heap/tend.h"

#include <string.h>

#include "runtime/heap/cache.h"
#include "runtime/heap/gate.h"
#include "runtime/heap/hollow.h"
#include "runtime/heap/spare.h"
#include "runtime/heap/world.h"
#include "runtime/os/asleep.h"
#include "runtime/os/filter.h"
#include "runtime/os/futex.h"
#include "runtime/os/options.h"

/* --- the owner's side --- */

COLD void gate_wait(heap_t *self)
{
    do {
        atomic_store_explicit(&self->busy, 0, memory_order_release);
        uint32_t shut;
        while ((shut = atomic_load_explicit(&self->shut, memory_order_acquire)) != HEAP_OPEN)
            if (shut == HEAP_AWAITED || atomic_compare_exchange_strong(&self->shut, &shut, HEAP_AWAITED))
                os_futex_wait(&self->shut, HEAP_AWAITED);
        atomic_store_explicit(&self->busy, 1, memory_order_relaxed);
        fence_hot();
    } while (atomic_load_explicit(&self->shut, memory_order_acquire));
}

/* --- the tender's side: all of it under the lock of the heaps --- */

static cache_t *cache_of(const heap_t *heap)
{
    return (cache_t *)(void *)heap->bins; /* its first member */
}

static void set_owners(heap_t *heap, uintptr_t word)
{
    for (uint32_t slot = heap->spans; slot; slot = span_of_slot(slot)->all_next)
        __atomic_store_n(&span_of_slot(slot)->owner, word, __ATOMIC_RELAXED);
}

/* Without effect on a hardened heap, which has no fast paths. */
static void set_classes(heap_t *heap, bool known)
{
    if (options.harden)
        return;
    uint8_t *class_of_granule = cache_of(heap)->class_of;
    for (size_t granule = 0; granule < GRANULES; granule++)
        __atomic_store_n(&class_of_granule[granule], known ? (uint8_t)class_of(granule * 16) : 0,
                         __ATOMIC_RELAXED);
}

static bool is_asleep(const heap_t *heap)
{
    return asleep_is(heap->thread, heap->stack_to);
}

/* An owner that waits at the gate may have freed the cell that a full span waited for, and not said so
 * yet. */
static void settle_events(heap_t *heap)
{
    for (uint32_t slot = heap->spans; slot; slot = span_of_slot(slot)->all_next) {
        span_t *span = span_of_slot(slot);
        if (span->state == SPAN_FULL && span->wait == 0)
            span_event(span);
    }
}

/* Pages go back by many calls of the kernel's: not while the owner waits at the gate, or another thread for the lock. */
static bool is_awaited(const heap_t *heap)
{
    return atomic_load_explicit(&heap->shut, memory_order_relaxed) == HEAP_AWAITED ||
           lock_is_wanted(&heaps.lock);
}

/* What the owner would do: as at its end, but that it stays. */
static void give_back(heap_t *heap)
{
    settle_events(heap);
    remote_flush(heap);
    remote_drain(heap);
    span_release_empty(heap);
    spare_release(heap);
    hollow_heap(heap, is_awaited);
}

/* The slow paths are shut, and the owner is in none. */
static void tend_behind_gate(heap_t *heap)
{
    set_classes(heap, false);
    set_owners(heap, 0);
    fence_cold();
    if (is_asleep(heap)) {
        fence_cold();
        give_back(heap);
        fence_cold(); /* who finds the fast paths open sees all of this */
    }
    set_owners(heap, heap->word);
    set_classes(heap, true);
}

static void tend(heap_t *heap)
{
    atomic_store_explicit(&heap->shut, HEAP_SHUT, memory_order_relaxed);
    fence_cold();
    if (!atomic_load_explicit(&heap->busy, memory_order_acquire))
        tend_behind_gate(heap);
    atomic_store_explicit(&heap->shut, HEAP_OPEN, memory_order_release);
    os_futex_wake_all(&heap->shut);
}

/* The owner changes these meanwhile: a guess. */
__attribute__((no_sanitize("thread"))) static bool is_worth_it(const heap_t *heap, bool inbox_only)
{
    if (atomic_load_explicit(&heap->inbox, memory_order_relaxed))
        return true;
    if (inbox_only)
        return false;
    for (uint32_t i = 0; i < OUTBOX_SIZE; i++)
        if (heap->outbox[i].first)
            return true;
    if (heap->spare.share)
        return true;
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        if (heap->active[cls] || heap->partial[cls])
            return true;
    return false;
}

/* Is the cache its thread's? One at its end runs the destructors of others, and goes at any time. Of a hardened
 * heap nothing is in the thread's own memory. */
static bool has_cache_of_thread(const heap_t *heap)
{
    return options.harden || (cache_of(heap)->heap == heap && !cache_of(heap)->ended);
}

static bool may_be_tended(const heap_t *heap)
{
    return heap->status == HEAP_LIVE && heap != cache.heap && heap->thread != WORLD_NO_THREAD &&
           is_asleep(heap) && has_cache_of_thread(heap);
}

/* Asked under the lock: a filter of system calls is installed under it too (swap/sandbox.c). */
static bool may_look(void)
{
    return filter_permits(FILTER_FENCE | FILTER_PROC | FILTER_COPY);
}

static void tend_one(heap_t *heap, bool inbox_only)
{
    if (!is_worth_it(heap, inbox_only))
        return;
    lock_acquire(&heaps.lock);
    if (heap->status == HEAP_ORPHAN)
        give_back(heap);
    else if (may_look() && may_be_tended(heap))
        tend(heap);
    lock_release(&heaps.lock);
}

/* Collect mode has a cache of another kind. A program that filters its system calls
 * may not allow the proof. ThreadSanitizer does not know what the kernel proves. */
static bool is_possible(void)
{
#ifdef __SANITIZE_THREAD__
    return false;
#else
    return fence_is_cheap() && !options.collect;
#endif
}

/* Twice: in the first round the heaps send each other what was theirs. */
void tend_all(void)
{
    if (!is_possible())
        return;
    for (int round = 0; round < 2; round++)
        for (heap_t *heap = atomic_load_explicit(&heaps.all, memory_order_acquire); heap; heap = heap->next)
            tend_one(heap, round > 0);
}
