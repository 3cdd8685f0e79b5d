/* ring: blocks on their way from one producer to one consumer. A place holds a block or NULL. The producer
 * waits until its next place is NULL, the consumer until its own is not; both yield the processor
 * meanwhile. */
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
