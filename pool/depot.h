/* depot: magazines of objects, and stacks of magazines that any thread may push to and pop from, without a
 * lock.
 *
 * Magazines are Bonwick's ("Magazines and Vmem", 2001): objects move between threads in whole magazines, so
 * that many objects share the cost of a shared word. The stack is Treiber's (1986), with a tag in the spare
 * bits of its head:
 *
 *     head    63        37 36                       0
 *             |   tag    |  address of the top >> 10 |   addresses: 47 bits; magazines are aligned to 1024
 *
 * Each change adds one to the tag, so that a pop that was interrupted between reading top->next and its
 * exchange fails if anything has changed (the ABA problem). The tag wraps around after 2^27 changes: an
 * exchange succeeds wrongly only if its thread is interrupted between those few instructions, other threads
 * make a multiple of 2^27 changes to the same stack meanwhile, which takes seconds, and the same magazine is
 * on top again.
 *
 * A pop reads top->next although another thread may have popped top meanwhile. So magazines may be given back
 * to the heap only when no thread is in a pop: age.c sees to that.
 */
#ifndef WEIR_POOL_DEPOT_H
#define WEIR_POOL_DEPOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAGAZINE_SHIFT = 10,
    MAGAZINE_SIZE = 1 << MAGAZINE_SHIFT,
    MAGAZINE_HEAD = 128, /* pool.h says why it is that long */
    MAGAZINE_ROUNDS = (MAGAZINE_SIZE - MAGAZINE_HEAD) / 8,
    DEPOT_TAG_SHIFT = 47 - MAGAZINE_SHIFT
};

/* Belongs to its holder: a thread, a stack, or the list of what is pending drop. */
typedef struct magazine {
    _Atomic(struct magazine *) next; /* in a stack or chain; read by pops that are too late */
    struct magazine *next_chain;     /* in the first magazine of a chain that is pending drop */
    uint32_t count;                  /* rounds, unless a thread has it loaded */
    uint32_t keep;                   /* a late pop may read it: not to be given back */
    bool counted;                    /* its objects are among the pool's `pooled` */
    _Alignas(MAGAZINE_HEAD) void *rounds[MAGAZINE_ROUNDS];
} magazine_t;
_Static_assert(sizeof(magazine_t) == MAGAZINE_SIZE, "a magazine is as large as its alignment");

typedef struct depot {
    _Atomic uint64_t head;
} depot_t;

static inline magazine_t *depot_top(uint64_t head)
{
    return (magazine_t *)((head & (((uint64_t)1 << DEPOT_TAG_SHIFT) - 1)) << MAGAZINE_SHIFT);
}

static inline uint64_t depot_head(uint64_t old, const magazine_t *top)
{
    uint64_t tag = (old >> DEPOT_TAG_SHIFT) + 1;
    return tag << DEPOT_TAG_SHIFT | (uintptr_t)top >> MAGAZINE_SHIFT;
}

static inline void depot_push(depot_t *depot, magazine_t *magazine)
{
    uint64_t head = atomic_load_explicit(&depot->head, memory_order_relaxed);
    do
        atomic_store_explicit(&magazine->next, depot_top(head), memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&depot->head, &head, depot_head(head, magazine),
                                                  memory_order_release, memory_order_relaxed));
}

/* NULL: empty. */
static inline magazine_t *depot_pop(depot_t *depot)
{
    uint64_t head = atomic_load_explicit(&depot->head, memory_order_acquire);
    magazine_t *top;
    while ((top = depot_top(head)) != NULL) {
        magazine_t *next = atomic_load_explicit(&top->next, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&depot->head, &head, depot_head(head, next),
                                                  memory_order_acquire, memory_order_acquire))
            return top;
    }
    return NULL;
}

/* Replace all of it by a chain; returns what there was, linked by `next`. */
static inline magazine_t *depot_replace(depot_t *depot, const magazine_t *chain)
{
    uint64_t head = atomic_load_explicit(&depot->head, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&depot->head, &head, depot_head(head, chain),
                                                  memory_order_acq_rel, memory_order_relaxed))
        ;
    return depot_top(head);
}

#endif
