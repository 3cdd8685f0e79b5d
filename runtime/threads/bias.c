/* bias: see bias.h. */
#include "runtime/threads/bias.h"

#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/threads/tend_queue.h"

/* --- the fast paths; called by the owner, or by the thread that has revoked the bias --- */

static cache_t *cache_of(const heap_t *heap)
{
    return (cache_t *)(void *)heap->bins; /* the bins are the cache's first member */
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

void bias_close_fast_paths(heap_t *heap)
{
    if (heap->closed)
        return;
    set_classes(heap, false);
    set_owners(heap, 0);
    heap->closed = true;
}

void bias_open_fast_paths(heap_t *heap)
{
    if (!heap->closed)
        return;
    set_owners(heap, heap->word);
    set_classes(heap, true);
    heap->closed = false;
}

/* --- the owner's side --- */

/* The bias is not the owner's: take it back, or wait for it. */
static void ask_back(heap_t *self, uint32_t state)
{
    if (state == BIAS_RESTING) {
        if (atomic_compare_exchange_strong(&self->bias, &state, BIAS_OWNER))
            tend_queue_add(self);
    } else if (state == BIAS_AWAITED || atomic_compare_exchange_strong(&self->bias, &state, BIAS_AWAITED)) {
        os_futex_wait(&self->bias, BIAS_AWAITED);
    }
}

COLD void bias_wait(heap_t *self)
{
    do {
        atomic_store_explicit(&self->busy, 0, memory_order_release);
        uint32_t state;
        while ((state = atomic_load_explicit(&self->bias, memory_order_acquire)) != BIAS_OWNER)
            ask_back(self, state);
        atomic_store_explicit(&self->busy, 1, memory_order_relaxed);
        fence_hot();
    } while (atomic_load_explicit(&self->bias, memory_order_acquire) != BIAS_OWNER);
    bias_open_fast_paths(self);
}
