/* lock: a mutual exclusion lock of one word, on a futex; after Drepper, "Futexes Are Tricky", mutex 2.
 *
 *     word == 0                     free
 *     word == holder | waits        the holder's number (lock_self), and bit 0: a thread sleeps on the word
 *
 * A word of zero is unlocked, so a forked child can reset a lock by storing it. The holder's number is there
 * for fork in a signal handler (runtime/threads/fork.h): the child resets what vanished threads held, and
 * leaves what the interrupted frame below the handler holds. The lock is not recursive and never allocates.
 * Order of acquisition: lock_rank below, smallest first; debug builds check it (lock_try may be out of order,
 * since it does not wait).
 *
 * The world may stop any thread, but not one that holds a lock which a section of another may wait for, a
 * section that the stop waits for in turn. So a thread that takes a lock from LOCK_RANK_HEAPS on is in such a
 * section, from before it has the lock until after (runtime/threads/world.h).
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
    LOCK_RANK_GC,           /* runtime/gc/cycle/gc.c: the pacer and the trace */
    LOCK_RANK_SIDE_TABLE,   /* runtime/gc/cells/side_table.c: what hangs on objects */
    LOCK_RANK_ARENAS,       /* arena/quarantine.c; those of arena/live.c come just before it */
    LOCK_RANK_POOLS,        /* pool: the list of pools, their biased locks */
    LOCK_RANK_HEAPS,        /* runtime/heap/thread.c: the list of heaps */
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

/* How many locks of any rank the thread holds or waits for: its own, read by its signal handlers. */
extern __thread uint32_t lock_depth __attribute__((tls_model("initial-exec")));
/* How many locks from LOCK_RANK_HEAPS on the thread holds or waits for: its own, read by its signal
 * handlers. */
extern __thread uint32_t lock_sections __attribute__((tls_model("initial-exec")));
/* Called where the last of them was given up; set once. */
extern void (*_Atomic lock_section_ended)(void);

typedef struct lock {
    _Atomic uint32_t word; /* 0 free, or the holder's number and LOCK_WAITS */
    uint32_t rank;         /* enum lock_rank */
} lock_t;

enum { LOCK_WAITS = 1 };

/* The calling thread's number as a holder: not 0, bit 0 clear. Two threads may have the same if their thread
 * pointers are 128 GiB apart; then a child of a fork in a signal handler may leave a lock to itself that the
 * other one held. */
static inline uint32_t lock_self(void)
{
    return (uint32_t)(os_thread_word() >> 5 & ~(uintptr_t)3) | 2;
}

static inline bool lock_is_own(const lock_t *lock)
{
    return (atomic_load_explicit(&lock->word, memory_order_relaxed) & ~(uint32_t)LOCK_WAITS) == lock_self();
}

/* Does a thread hold it? If not, the caller sees what was done under it. */
static inline bool lock_is_taken(const lock_t *lock)
{
    return atomic_load_explicit(&lock->word, memory_order_acquire) != 0;
}

/* Does a thread sleep until the lock is free? For the holder. */
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
/* For a thread that holds what others may need before they release this one: take it if it can be had within
 * some 50 ms. */
bool lock_acquire_soon(lock_t *lock);
void lock_wait(lock_t *lock);
void lock_wake(lock_t *lock);

#ifdef WEIR_DEBUG_CHECKS
/* Before a wait; after a lock was taken; before it is given up. */
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

/* True in the child of a fork that took no locks, because the forking thread was in one
 * (runtime/threads/fork.c), while the child repairs what the vanished threads held: what the thread holds
 * itself stays held. */
extern bool lock_keeps_own;

/* In the child of a fork: may what the lock protects be repaired, or was this thread in the middle of it? */
static inline bool lock_may_repair(const lock_t *lock)
{
    return !lock_keeps_own || !lock_is_own(lock);
}

/* Give up what was taken before a fork, in the parent or in the child. In the child another thread that held
 * it is gone. */
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
