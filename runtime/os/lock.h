/* lock: a mutual exclusion lock of one word, on a futex; after Drepper, "Futexes Are Tricky", mutex 2.
 *
 * Zero is unlocked, so a static lock needs no initialisation and a forked child can reset one by storing zero.
 * It is not recursive and never allocates. Order of acquisition: lock_rank below, smallest first.
 */
#ifndef WEIR_OS_LOCK_H
#define WEIR_OS_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The order in which a thread may take locks; each lock names its rank where it is defined. */
enum lock_rank {
    LOCK_RANK_HEAPS = 1, /* runtime/heap/thread.c: the list of heaps */
    LOCK_RANK_ZERO = 2,  /* runtime/heap/zero.c */
    LOCK_RANK_PAGES = 3, /* runtime/pages: slots, chunks, region, ledger of idle memory */
};

typedef struct lock {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and somebody waits */
} lock_t;

/* Take the lock if nobody holds it. */
bool lock_try(lock_t *lock);
void lock_wait(lock_t *lock);
void lock_wake(lock_t *lock);

static inline void lock_acquire(lock_t *lock)
{
    uint32_t expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        lock_wait(lock);
}

static inline void lock_release(lock_t *lock)
{
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        lock_wake(lock);
}

/* In the child of a fork: whatever thread held the lock is gone. */
static inline void lock_reset(lock_t *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

#endif
