/* lock: a mutual exclusion lock of one word, on a futex; after Drepper, "Futexes Are Tricky", mutex 2.
 *
 *     word == 0                     free
 *     word == holder | waits        the holder's number (lock_self), and bit 0: a thread sleeps on the word
 *
 * A word of zero is unlocked, so a forked child can reset a lock by storing it. The holder's number serves a
 * fork in a signal handler (runtime/threads/fork.h): the child resets the locks that the vanished threads
 * held, and leaves those that the interrupted code of its own thread holds. The lock is not recursive and
 * never allocates. Order of acquisition: lock_rank below, smallest first; debug builds check it (lock_try may
 * be out of order, since it does not wait).
 *
 * The collector may stop a thread anywhere except in a no-stop section (runtime/threads/world.h), whose end
 * it waits for. If it stopped a thread that holds a lock, a thread in a no-stop section might wait for that
 * lock, and the collector for the section, for ever. So taking a lock of rank LOCK_RANK_HEAPS or above begins
 * a no-stop section before the thread waits for the lock, and releasing it ends the section afterwards.
 */
#ifndef WEIR_OS_LOCK_H
#define WEIR_OS_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/os/os.h"

/* The order in which a thread may take locks; each lock names its rank where it is defined. */
enum lock_rank {
    LOCK_RANK_NONE,         /* not checked */
    LOCK_RANK_SHARED_ARENA, /* arena/shared.c: one arena's */
    LOCK_RANK_START,        /* runtime/threads/fork.c: the start of the runtime and of its parts */
    LOCK_RANK_FORK,         /* runtime/threads/fork.c: the locks that a fork takes */
    LOCK_RANK_CYCLE,        /* runtime/cycle/cycle.c: one cycle at a time */
    LOCK_RANK_GC,           /* runtime/gc/cycle/gc_pace.c: the pacer and the trace */
    LOCK_RANK_SIDE_TABLE,   /* runtime/gc/cells/side_table.c: finalizers, weak references */
    LOCK_RANK_ROOTS,        /* runtime/gc/roots/roots.c: registered ranges and stacks */
    LOCK_RANK_ARENAS,       /* arena/quarantine.c; the locks of arena/live.c come just before */
    LOCK_RANK_POOLS,        /* pool: the list of pools, their biased locks */
    LOCK_RANK_HEAPS,        /* runtime/cells/cache.c: the list of heaps */
    LOCK_RANK_COLLECTED,    /* runtime/gc/cells/collected_span.c */
    LOCK_RANK_ORIGIN,       /* runtime/profile/origin.c */
    LOCK_RANK_SAMPLED,      /* runtime/profile/sampled.c: spans of samples */
    LOCK_RANK_BUDGET,       /* runtime/profile/budget.c: what is charged */
    LOCK_RANK_GUARD,        /* runtime/profile/guard.c: guarded blocks */
    LOCK_RANK_PROFILE,      /* runtime/profile/profile.c: sites and samples */
    LOCK_RANK_ZERO,         /* runtime/malloc/zero.c */
    LOCK_RANK_HARDEN,       /* runtime/harden/harden.c */
    LOCK_RANK_PAGES,        /* runtime/pages: slots, chunks, region, idle memory */
    LOCK_RANK_TRACE,        /* runtime/observe/trace_file.c: records of the execution trace */
    LOCK_RANKS
};

/* How many locks of any rank the thread holds or waits for. Only the thread writes it; its signal handlers
 * read it. */
extern __thread uint32_t lock_depth __attribute__((tls_model("initial-exec")));
/* How many locks of rank LOCK_RANK_HEAPS or above the thread holds or waits for. Only the thread writes it;
 * its signal handlers read it. */
extern __thread uint32_t lock_sections __attribute__((tls_model("initial-exec")));
/* Called when a thread has released the last of these. Set once. */
extern void (*_Atomic lock_section_ended)(void);

typedef struct lock {
    _Atomic uint32_t word; /* 0 free, or the holder's number and LOCK_WAITS */
    uint32_t rank;         /* enum lock_rank */
} lock_t;

enum { LOCK_WAITS = 1 };

/* The calling thread's number as a holder: not 0, bit 0 clear. Two threads have the same number if their
 * thread pointers are 128 GiB apart. Then the child of a fork in a signal handler may mistake a lock that the
 * other thread held for its own. */
static inline uint32_t lock_self(void)
{
    return (uint32_t)(os_thread_word() >> 5 & ~(uintptr_t)3) | 2;
}

static inline bool lock_is_own(const lock_t *lock)
{
    return (atomic_load_explicit(&lock->word, memory_order_relaxed) & ~(uint32_t)LOCK_WAITS) == lock_self();
}

/* Does any thread hold it? If not, the caller sees everything that was written under the lock. */
static inline bool lock_is_taken(const lock_t *lock)
{
    return atomic_load_explicit(&lock->word, memory_order_acquire) != 0;
}

/* Does a thread sleep until the lock is free? Called by the holder. */
static inline bool lock_is_wanted(const lock_t *lock)
{
    return atomic_load_explicit(&lock->word, memory_order_relaxed) & LOCK_WAITS;
}

#define LOCK_INIT(rank)                                                                                      \
    {                                                                                                        \
        0, rank                                                                                              \
    }

/* Take the lock if it is free. */
bool lock_try(lock_t *lock);
/* Take the lock, but give up after about 50 ms. For a thread that holds something which the lock's holder may
 * need before it can release the lock. */
bool lock_acquire_soon(lock_t *lock);
/* Called after the release of a lock that a thread slept on (lock_is_wanted), before it is taken again:
 * returns when another thread has it, or after 100 microseconds. A thread that was woken takes that long to
 * run. */
void lock_await_taker(const lock_t *lock);
void lock_wait(lock_t *lock);
void lock_wake(lock_t *lock);

#ifdef WEIR_DEBUG_CHECKS
/* Called before a wait, after a lock was taken, and before it is released. */
void lock_check_order(const lock_t *lock);
void lock_note_taken(const lock_t *lock);
void lock_note_given(const lock_t *lock);
#else
static inline void lock_check_order(const lock_t *lock)
{
    (void)lock;
}

static inline void lock_note_taken(const lock_t *lock)
{
    (void)lock;
}

static inline void lock_note_given(const lock_t *lock)
{
    (void)lock;
}
#endif

static inline void lock_section_begin(const lock_t *lock)
{
    lock_depth++;
    lock_sections += lock->rank >= LOCK_RANK_HEAPS;
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void lock_section_end(const lock_t *lock)
{
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
    if (lock->rank < LOCK_RANK_HEAPS || --lock_sections > 0)
        return;
    void (*ended)(void) = atomic_load_explicit(&lock_section_ended, memory_order_acquire);
    if (ended)
        ended();
}

static inline void lock_acquire(lock_t *lock)
{
    lock_check_order(lock);
    lock_section_begin(lock);
    uint32_t expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, lock_self(), memory_order_acquire,
                                                 memory_order_relaxed))
        lock_wait(lock);
    lock_note_taken(lock);
}

static inline void lock_release(lock_t *lock)
{
    lock_note_given(lock);
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) & LOCK_WAITS)
        lock_wake(lock);
    lock_section_end(lock);
}

/* The forking thread may hold a lock; then the fork takes none (runtime/threads/fork.c). True in the child of
 * such a fork, while it repairs what the vanished threads held: the locks that the child's own thread holds
 * stay held. */
extern bool lock_keeps_own;

/* In the child of a fork: may what the lock protects be repaired? Not if this thread itself holds the
 * lock. */
static inline bool lock_may_repair(const lock_t *lock)
{
    return !lock_keeps_own || !lock_is_own(lock);
}

/* Release a lock that was taken before a fork, in the parent or in the child. The child also resets a lock
 * whose holder is gone. */
static inline void lock_after_fork(lock_t *lock, bool child)
{
    if (!child) {
        lock_release(lock);
    } else if (lock_may_repair(lock)) {
        atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
        if (lock_keeps_own)
            return; /* not taken before this fork */
        lock_note_given(lock);
        lock_section_end(lock);
    }
}

#endif
