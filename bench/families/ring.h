/* ring: blocks on their way from one producer to one consumer. A place is full or NULL, and each side waits
 * at its own, giving the processor away meanwhile. */
#pragma once
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

enum { RING_PLACES = 1024 };

struct ring {
    _Atomic(void *) places[RING_PLACES];
};

static inline void ring_put(struct ring *ring, int64_t number, void *block)
{
    _Atomic(void *) *place = &ring->places[number % RING_PLACES];
    while (atomic_load_explicit(place, memory_order_acquire))
        sched_yield();
    atomic_store_explicit(place, block, memory_order_release);
}

static inline void *ring_take(struct ring *ring, int64_t number)
{
    _Atomic(void *) *place = &ring->places[number % RING_PLACES];
    void *block;
    while (!(block = atomic_load_explicit(place, memory_order_acquire)))
        sched_yield();
    atomic_store_explicit(place, NULL, memory_order_release);
    return block;
}
