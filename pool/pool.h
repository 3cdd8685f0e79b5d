/* pool: what the sources of the pool share: where objects are, and which thread may touch what.
 *
 * Each thread that uses a pool has a `local` in it, found through a table in thread-local storage, indexed by
 * the pool's number. get and put are in the public header: what they touch is the local's part `hot`. After
 * Go's sync.Pool (private slot, queue that others steal from, victims) and Bonwick's magazines:
 *
 *   thread --> table --> local   loaded    ##########.......   get and put: pop, push, no atomic operation
 *                                previous  .................   swapped with loaded, so that a burst around a
 *                                                              magazine's end does not go further
 *                                full      ## ## ## ##         magazines; other threads steal here
 *                                victims   ## ##               what was in the three above at the last cycle
 *                        pool    empty     .. ..               magazines without objects
 *                                pending   ## ##               what was a victim at the last cycle: to drop
 *
 * Every object of the pool is in exactly one of these places. What a thread has in hand is its `loaded` and
 * `previous`. get looks in this order: what the thread has in hand, its `full`, the `full` of other threads,
 * its `victims`, the `victims` of other threads, and last what other threads have in hand (steal.c).
 *
 * The biased lock. A cycle takes the magazines of other threads, which may be in get or put, or asleep; the
 * fast paths must have no atomic operation. So a local has a lock that is biased towards its thread. The
 * thread says that it is busy, by a plain store, and then looks whether the bias is revoked. A thread that
 * wants the local to itself revokes the bias, fences all threads (os/fence.h) and waits until the thread is
 * not busy. A thread that then finds its bias revoked turns back and waits for pools.lock, which the revoker
 * holds from before it revokes the bias until it restores it. A thread that stays busy (preempted in
 * mid-operation) is skipped when the spin limit is reached, unless the revoker waits for ever.
 *
 *     thread    busy = 1; [compiler fence]; if unbiased == 0: operate; busy = 0
 *     revoker   unbiased = more than any count; [fence all threads]; await busy == 0; operate; unbiased = 0
 *
 * Callbacks of the program run outside of this: the thread is not busy and holds no lock.
 */
#ifndef WEIR_POOL_POOL_H
#define WEIR_POOL_POOL_H

#include <weir/pool.h>

#include "pool/depot.h"
#include "runtime/cycle/cycle.h"
#include "runtime/os/fence.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"

#define POOL_NO_ID SIZE_MAX
#define LOCAL_NOT_ROBBED UINT8_MAX        /* since the thread has the local; more than any count of rounds */
#define POOL_UNBIASED ((uint32_t)1 << 31) /* more than any count of rounds */

struct table;

/* A thread's part of a pool. Its owner is that thread while it is busy, or the thread that has revoked its
 * bias. The owner of a local without a thread is the holder of pools.lock. Locals live as long as their pool;
 * when a thread ends, the next thread that needs one takes its local. */
typedef struct local {
    /* What others write to, and what is seldom used. */
    _Alignas(64) depot_t full;
    depot_t victims;
    _Atomic bool revoked; /* written under pools.lock; read by operations off the fast path */
    bool skipped;         /* under pools.lock: the bias is revoked, but the thread was busy */
    uint8_t debt;         /* the thread's: misses until it may steal again (steal.c) */
    uint8_t left;         /* under pools.lock: rounds that the last theft left loaded; LOCAL_NOT_ROBBED */
    uint32_t robbed_at;   /* under pools.lock: the lower 32 bits of its hits at that theft */
    weir_pool *pool;
    struct table *thread;            /* under pools.lock: the table that has it; NULL: it has no thread */
    _Atomic(struct local *) next;    /* the pool's next one; written once */
    uint64_t sampled, sampled_bytes; /* owner: objects whose size was looked at; the sum of these sizes */
    /* The line of the fast paths.
     *   busy       written by the thread: it is in an operation
     *   unbiased   written under pools.lock: 0 or POOL_UNBIASED; never 0 where fences are not cheap, nor
     *              while the pool has a cap
     *   count      owner: rounds in the loaded magazine; a thread whose bias is revoked reads and ignores it
     *   capacity   owner, likewise: rounds up to which put may load without looking further; 0 if no magazine
     *              is loaded, or if put has to call the program (reset, refusal)
     *   rounds     owner: of the loaded magazine; NULL: none
     *   hits       owner: objects handed out, ever */
    _Alignas(64) struct weir_pool_local hot;
    magazine_t *previous;    /* owner; NULL: none */
    uint64_t given;          /* owner: objects that left `loaded` and `previous` in magazines, less those that
                              * came in them, ever. So puts == count of loaded + count of previous + hits +
                              * given, modulo 2^64 */
    uint64_t misses, stolen; /* owner */
} local_t;

/* 4K aliasing: a load waits for an earlier store whose address has the same lower 12 bits. Pools, locals and
 * magazines often begin at pages, so the fields that the fast paths touch are kept at different page
 * offsets. */
enum { HOT_PLACE = 64 };
_Static_assert(offsetof(local_t, hot) == HOT_PLACE && sizeof(local_t) == 128, "two lines");
_Static_assert(offsetof(magazine_t, rounds) == HOT_PLACE + 64, "behind the line of a local");

/* A thread's locals, by the number of the pool. Made by its thread; entries are cleared under pools.lock when
 * a pool is freed. Entries are set, and the table is replaced by a larger one, by its thread under
 * pools.lock. */
typedef struct table {
    size_t size;
    struct table *next, *prev; /* pools.tables; under pools.lock */
    struct weir_pool_local *of[];
} table_t;

/* The thread's table, and the part of it that the fast paths read (weir_pool_thread_1). The two change
 * together. */
HIDDEN extern __thread table_t *pool_table __attribute__((tls_model("initial-exec")));
HIDDEN extern __thread struct weir_pool_thread pool_thread __attribute__((tls_model("initial-exec")));

/* The fast paths do not test whether there is a table or a local. A thread without a table has table_none,
 * which has no entries. The entry of a pool in which the thread has no local is local_none, which is never
 * biased; it belongs to no thread, and its word `busy` means nothing. */
HIDDEN extern table_t table_none;
HIDDEN extern local_t local_none;

struct check;

struct weir_pool {
    /* First, because the public header casts the pool to it. */
    struct weir_pool_head
        head; /* id: index into the tables; POOL_NO_ID once freed. Written under pools.lock */
    /* Written once. */
    void (*reset)(void *ctx, void *p);
    void *(*new_object)(void *ctx);
    void (*drop)(void *ctx, void *p);
    void *ctx;
    struct check *check; /* NULL: not a checked pool */
    bool takes_any;      /* under pools.lock: objects of unknown origin may be put */
    char name[WEIR_POOL_NAME];
    struct weir_account *account; /* its maker's, which its objects are charged to; or NULL */
    /* Shared. */
    _Atomic(local_t *) locals; /* all; grows under pools.lock, read by all */
    depot_t empty;
    _Atomic uint32_t
        moves; /* how often objects went from one thread to another, counted after they arrived */
    /* How often a thread that looked for objects did not wait any longer for another one's operation, which
     * may have had some in hand. */
    _Atomic uint32_t missed;
    _Atomic uint64_t made;    /* by new_object */
    _Atomic uint64_t make_ns; /* the mean time that it has taken lately; 0: not measured */
    _Atomic uint64_t drops;
    _Atomic uint64_t unkept;  /* drops of objects that never came in: refused, or no memory to note them */
    _Atomic uint64_t refused; /* those of `unkept` that the program or the cap refused */
    bool (*_Atomic refuses)(void *ctx, void *p);
    _Atomic size_t pooled; /* bytes of the objects in the pool, while there is a cap */
    /* Bytes; 0: there is no cap. Written under pools.lock with biases revoked. While there is a cap, the
     * locals stay unbiased to the fast paths, as they do where fences are not cheap. */
    size_t cap;
    _Atomic bool freed; /* written under pools.lock */
    /* Under pools.lock. */
    bool is_emptied;          /* weir_pool_free has dropped all objects: the last late put disposes of it */
    int64_t out;              /* once freed: objects that may still be put */
    magazine_t *pending_drop; /* chains */
    magazine_t *dropping; /* whose objects are being dropped. Written by the dropper; read by the collector */
    uintptr_t dropper; /* the thread that drops objects now, which may read this without the lock; 0: none */
    uint64_t cycles;
    struct weir_pool *next, *prev; /* pools.first, or pools.closing */
    /* For threads without a local, because they are ending or there is no memory. Its owner is the holder of
     * pools.lock. */
    local_t common;
};

extern struct pools {
    lock_t lock;
    weir_pool *first;
    weir_pool *closing; /* freed, and perhaps with objects still to be dropped */
    /* By number: the pool that has the number; or, if the number is free, 2 * the next free number + 1. It
     * grows and is never given back: old arrays are lost. */
    uintptr_t *by_id;
    size_t ids, ids_room; /* numbers that were ever used; entries of by_id */
    size_t free_id;       /* the first free number; POOL_NO_ID: none below `ids` */
    table_t *tables;
} pools;

/* Under pools.lock: the pool with the number, if there is one. */
static inline weir_pool *pool_of_id(size_t id)
{
    uintptr_t entry = id < pools.ids ? pools.by_id[id] : 1;
    return entry & 1 ? NULL : (weir_pool *)entry;
}

/* --- pool.c --- */

/* Free the handle and what belongs to it; no thread uses it any more. */
void pool_dispose(weir_pool *pool);

/* Make an object by new_object. NULL: there is no new_object, or it returned NULL. */
void *pool_make_object(weir_pool *pool);
/* Drop an object that was put, because there is no memory to note it. */
void pool_put_unkept(weir_pool *pool, void *p);
/* Drop an object that was put, because the program or the cap refuses it. */
void pool_put_refused(weir_pool *pool, void *p);

/* --- cap.c --- */

/* Does the program refuse the object? Called outside of an operation. */
bool pool_refuses(weir_pool *pool, void *p);
/* Count `bytes` that come in, if there is a cap. False: they exceed the cap, and are not counted. Called in
 * an operation. */
bool pool_count(weir_pool *pool, size_t bytes);
/* Take back the bytes of an object that was counted and has left. */
void pool_uncount(weir_pool *pool, size_t bytes);

/* --- steal.c --- */

/* Called after a miss, outside of an operation: take what another thread has in hand. True: it is loaded, and
 * an operation on the local has begun. */
bool pool_steal(weir_pool *pool, local_t *self);

/* --- local.c --- */

void local_init(local_t *local, weir_pool *pool);

/* Called before a pool is made. Only the first call does something. */
void pools_start(void);
/* The calling thread's local; NULL: the pool is freed. */
local_t *local_here(weir_pool *pool);
/* Begin and end an operation off the fast path. False: the pool is freed, and nothing was begun. */
bool local_enter(local_t *local);
void local_leave(local_t *local);
/* Take what the thread has in hand; the caller is the owner. Returns a chain of the magazines with objects.
 * Those without go to the pool's empty ones. */
magazine_t *local_unload(local_t *local);

/* For the owner, whose loaded magazine is empty or absent: load `full`, which came from a depot or from
 * another thread. */
void local_load_full(local_t *local, magazine_t *full);

/* Revoke the biases of all pools or of one, and wait for threads that are busy; yield at most `spin_limit`
 * times for each thread. The functions named restore give the threads their biases back. */
enum { REVOKE_SPIN_LIMIT = 256, REVOKE_FOR_EVER = INT32_MAX };
void pools_revoke(void);
void pools_restore(void);
void pool_revoke(weir_pool *pool, int spin_limit);
void pool_restore(weir_pool *pool);
/* The same for one local. False: its thread stayed busy; local_restore has to be called then, too. */
bool local_revoke(local_t *local);
/* Wait, for a short while, until no other thread is in the operation on the pool that it is in now. */
void local_await_others(const local_t *local);
void local_restore(local_t *local);
/* Did any thread stay busy when the biases were revoked? */
bool pool_any_skipped(const weir_pool *pool);

/* Objects that are on their way, from a stack or from another thread, are in no place where a thread that
 * looks for objects would find them. A move is counted when they have arrived, before the operation ends. So
 * a thread that found nothing waits until the others are through with their present operations, and looks
 * again if a move was counted since it began to look. */
static inline void pool_count_move(weir_pool *pool)
{
    atomic_fetch_add_explicit(&pool->moves, 1, memory_order_release);
}

static inline uint32_t pool_moves(const weir_pool *pool)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&pool->moves, memory_order_acquire);
}

static inline void pool_count_missed(weir_pool *pool)
{
    atomic_fetch_add_explicit(&pool->missed, 1, memory_order_relaxed);
}

static inline local_t *local_first(const weir_pool *pool)
{
    return atomic_load_explicit(&pool->locals, memory_order_acquire);
}

static inline local_t *local_next(const local_t *local)
{
    return atomic_load_explicit(&local->next, memory_order_relaxed);
}

static inline size_t pool_id(const weir_pool *pool)
{
    return __atomic_load_n(&pool->head.id, __ATOMIC_RELAXED);
}

static inline local_t *table_local(const table_t *table, size_t id)
{
    char *hot = (char *)__atomic_load_n(&table->of[id], __ATOMIC_RELAXED);
    return (local_t *)(void *)(hot - offsetof(local_t, hot));
}

static inline void table_set_local(table_t *table, size_t id, local_t *local)
{
    __atomic_store_n(&table->of[id], &local->hot, __ATOMIC_RELAXED);
}

/* This thread's local; local_none if it has none. */
static inline local_t *local_of(const weir_pool *pool)
{
    const table_t *table = pool_table;
    size_t id = pool_id(pool);
    return UNLIKELY(id >= table->size) ? &local_none : table_local(table, id);
}

/* --- what a local has loaded; for the owner --- */

static inline magazine_t *local_loaded(const local_t *local)
{
    return (magazine_t *)((uintptr_t)local->hot.rounds & ~(uintptr_t)(MAGAZINE_SIZE - 1));
}

static inline uint32_t local_count(const local_t *local)
{
    return __atomic_load_n(&local->hot.count, __ATOMIC_RELAXED);
}

static inline void local_set_count(local_t *local, uint32_t count)
{
    __atomic_store_n(&local->hot.count, count, __ATOMIC_RELAXED);
}

static inline void local_set_capacity(local_t *local, uint32_t capacity)
{
    __atomic_store_n(&local->hot.capacity, capacity, __ATOMIC_RELAXED);
}

/* NULL: nothing is loaded; then nothing can be put on the fast path either. */
static inline void local_load(local_t *local, magazine_t *magazine, uint32_t count)
{
    local->hot.rounds = magazine ? magazine->rounds : NULL;
    local_set_count(local, count);
    if (!magazine)
        local_set_capacity(local, 0);
}

/* --- age.c --- */

/* The listeners of the cycle. */
void pools_age(void *context, enum cycle_reason reason);
void pools_settle(void *context, enum cycle_reason reason);
/* Make all that the pool holds pending drop. Called under pools.lock with biases revoked. */
void pool_pend_all(weir_pool *pool);
/* Drop what is pending drop, and wait for another thread that does. */
void pool_settle(weir_pool *pool);
/* Drop one object. Called without a lock. */
void pool_drop(weir_pool *pool, void *p);

/* --- roots.c --- */

/* Have the collector scan pools. */
void pools_provide_roots(void);

/* --- stats.c --- */

/* Under pools.lock, biases revoked: objects handed out and taken in, ever. */
typedef struct pool_sums {
    uint64_t hits, misses, steals, puts, sampled, sampled_bytes;
} pool_sums_t;
pool_sums_t pool_sums(const weir_pool *pool);

#endif
