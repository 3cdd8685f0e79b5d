/* local: how threads get their part of a pool and leave it, the biased locks, and fork. See pool.h. */
#include "pool/pool.h"
#include "runtime/base/cpu.h"
#include "runtime/cells/cache.h"
#include "runtime/heap/heap.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/fork.h"
#include "runtime/threads/world.h"

table_t table_none;
local_t local_none = {.hot.unbiased = POOL_UNBIASED};
__thread table_t *pool_table = &table_none;
__thread struct weir_pool_thread pool_thread;
/* The public name is an alias. The library itself uses pool_thread, which the dynamic linker cannot bind to
 * another library's variable. */
extern __thread __typeof__(pool_thread) weir_pool_thread_1 __attribute__((alias("pool_thread")));
struct pools pools = {.lock = LOCK_INIT(LOCK_RANK_POOLS), .free_id = POOL_NO_ID};

void local_init(local_t *local, weir_pool *pool)
{
    *local = (local_t){.pool = pool, .hot.unbiased = POOL_UNBIASED};
}

/* --- the thread's table --- */

static table_t *table_make(size_t size)
{
    table_t *table = heap_manual(16, sizeof *table + size * sizeof table->of[0]);
    for (size_t id = 0; table && id < size; id++)
        table_set_local(table, id, &local_none);
    if (table) {
        table->size = size;
        table->next = table->prev = NULL;
    }
    return table;
}

static void table_link(table_t *table)
{
    table->prev = NULL;
    table->next = pools.tables;
    if (table->next)
        table->next->prev = table;
    pools.tables = table;
}

static void table_unlink(table_t *table)
{
    *(table->prev ? &table->prev->next : &pools.tables) = table->next;
    if (table->next)
        table->next->prev = table->prev;
}

static void table_set(table_t *table)
{
    pool_table = table;
    pool_thread = (struct weir_pool_thread){table->size, table->of};
}

/* Replace the thread's table by a larger one. Called under pools.lock. */
static void table_replace(table_t *old, table_t *table)
{
    table_link(table);
    if (old->size) {
        table_unlink(old);
        for (size_t id = 0; id < old->size; id++) {
            local_t *local = table_local(old, id);
            table_set_local(table, id, local);
            if (local != &local_none)
                local->thread = table;
        }
    }
    table_set(table);
}

static void table_free(table_t *table)
{
    if (table != &table_none)
        heap_free(table);
}

/* Make room in the thread's table for a pool's number. Allocating may run a cycle, whose callbacks may call
 * this, too. */
static bool table_reach(size_t id)
{
    enum { FEWEST = 14 };
    if (id < pool_table->size)
        return true;
    table_t *table = table_make(id < FEWEST ? FEWEST : id * 2 + 2), *old;
    if (!table)
        return false;
    lock_acquire(&pools.lock);
    old = pool_table;
    bool is_wanted = old->size < table->size;
    if (is_wanted)
        table_replace(old, table);
    lock_release(&pools.lock);
    table_free(is_wanted ? old : table);
    return true;
}

/* --- joining a pool --- */

/* Under pools.lock. */
static void adopt(local_t *local, size_t id)
{
    local->thread = pool_table;
    local->debt = 0;
    local->left = LOCAL_NOT_ROBBED;
    local_restore(local);
    table_set_local(pool_table, id, local);
}

static local_t *find_orphan(weir_pool *pool)
{
    for (local_t *local = local_first(pool); local; local = local_next(local))
        if (!local->thread && local != &pool->common)
            return local;
    return NULL;
}

/* Take over a local without a thread, or else *fresh, which becomes NULL. NULL: there is neither. */
static local_t *join(weir_pool *pool, local_t **fresh)
{
    lock_acquire(&pools.lock);
    local_t *local = local_of(pool);
    if (local == &local_none)
        local = NULL;
    if (!local && !pool->freed && pool_id(pool) < pool_table->size) {
        local = find_orphan(pool);
        if (!local && *fresh) {
            local = *fresh;
            *fresh = NULL;
            atomic_store_explicit(&local->next, local_first(pool), memory_order_relaxed);
            atomic_store_explicit(&pool->locals, local, memory_order_release);
        }
        if (local)
            adopt(local, pool_id(pool));
    }
    lock_release(&pools.lock);
    return local;
}

local_t *local_here(weir_pool *pool)
{
    local_t *local = local_of(pool);
    if (LIKELY(local != &local_none))
        return local;
    size_t id = pool_id(pool);
    if (id == POOL_NO_ID)
        return NULL;
    local_t *fresh = NULL;
    if (cache.ended || !table_reach(id))
        return &pool->common;
    local = join(pool, &fresh);
    if (!local && (fresh = heap_manual(_Alignof(local_t), sizeof *fresh)) != NULL) {
        local_init(fresh, pool);
        local = join(pool, &fresh);
        heap_free(fresh);
    }
    return local ? local : &pool->common;
}

/* --- operations off the fast path --- */

/* Begin an operation on the common local, whose owner is the holder of pools.lock. No other thread can revoke
 * biases meanwhile. */
static bool enter_common(weir_pool *pool)
{
    lock_acquire(&pools.lock);
    if (!pool->freed)
        return true;
    lock_release(&pools.lock);
    return false;
}

bool local_enter(local_t *local)
{
    weir_pool *pool = local->pool;
    if (local == &pool->common)
        return enter_common(pool);
    for (;;) {
        world_enter(); /* in mid-operation a magazine may be in no list: no stop then */
        __atomic_store_n(&local->hot.busy, 1, __ATOMIC_RELAXED);
        if (fence_is_cheap())
            fence_hot();
        else
            atomic_thread_fence(memory_order_seq_cst);
        if (LIKELY(!atomic_load_explicit(&local->revoked, memory_order_acquire)))
            return true;
        __atomic_store_n(&local->hot.busy, 0, __ATOMIC_RELEASE);
        world_leave(); /* the collector may have the lock, and wait for us */
        lock_acquire(&pools.lock);
        bool freed = pool->freed;
        lock_release(&pools.lock);
        if (freed)
            return false;
    }
}

void local_leave(local_t *local)
{
    if (local == &local->pool->common) {
        lock_release(&pools.lock);
        return;
    }
    __atomic_store_n(&local->hot.busy, 0, __ATOMIC_RELEASE);
    world_leave();
}

magazine_t *local_unload(local_t *local)
{
    magazine_t *hands[] = {local_loaded(local), local->previous}, *chain = NULL;
    if (hands[0])
        hands[0]->count = local_count(local);
    for (int i = 0; i < 2; i++) {
        if (!hands[i])
            continue;
        if (hands[i]->count == 0) {
            depot_push(&local->pool->empty, hands[i]);
            continue;
        }
        local->given += hands[i]->count;
        atomic_store_explicit(&hands[i]->next, chain, memory_order_relaxed);
        chain = hands[i];
    }
    local->previous = NULL;
    local_load(local, NULL, 0);
    return chain;
}

void local_load_full(local_t *local, magazine_t *full)
{
    magazine_t *empty = local_loaded(local);
    local->given -= full->count;
    if (empty)
        empty->count = 0;
    if (empty && local->previous)
        depot_push(&local->pool->empty, empty);
    else if (empty)
        local->previous = empty;
    local_load(local, full, full->count);
}

/* --- biased locks --- */

static void revoke_one(local_t *local)
{
    __atomic_store_n(&local->hot.unbiased, POOL_UNBIASED, __ATOMIC_RELAXED);
    atomic_store_explicit(&local->revoked, true, memory_order_relaxed);
}

static void revoke_all(weir_pool *pool)
{
    for (local_t *local = local_first(pool); local; local = local_next(local))
        revoke_one(local);
}

static bool is_busy(const local_t *local)
{
    return __atomic_load_n(&local->hot.busy, __ATOMIC_ACQUIRE);
}

/* Wait until the thread is not busy. False: it still is, after the processor was yielded so often. */
static bool await(const local_t *local, int yields)
{
    enum { SPINS = 128 };
    for (int i = 0; is_busy(local); i++) {
        if (yields != REVOKE_FOR_EVER && i > SPINS + yields)
            return false;
        if (i < SPINS)
            cpu_pause();
        else
            os_yield();
    }
    return true;
}

/* Under pools.lock, with the bias revoked. True: the thread is not busy, and will not be as long as it is. If
 * the thread's own local is busy, this is a signal handler that interrupted the operation: it would wait for
 * ever. */
static bool await_revoked(const local_t *local, int yields)
{
    return local->thread == pool_table ? !is_busy(local) : await(local, yields);
}

void local_await_others(const local_t *local)
{
    enum { YIELDS = 32 };
    for (const local_t *other = local_first(local->pool); other; other = local_next(other))
        if (other != local && other != &local->pool->common && !await(other, YIELDS))
            pool_count_missed(local->pool);
}

static void await_all(weir_pool *pool, int spin_limit)
{
    for (local_t *local = local_first(pool); local; local = local_next(local))
        local->skipped = !await_revoked(local, spin_limit);
}

void pool_revoke(weir_pool *pool, int spin_limit)
{
    revoke_all(pool);
    fence_cold();
    await_all(pool, spin_limit);
}

void pools_revoke(void)
{
    for (weir_pool *pool = pools.first; pool; pool = pool->next)
        revoke_all(pool);
    fence_cold();
    for (weir_pool *pool = pools.first; pool; pool = pool->next)
        await_all(pool, REVOKE_SPIN_LIMIT);
}

/* What the fast paths find in `unbiased` while the bias is not revoked. */
static uint32_t bias_at_rest(const weir_pool *pool)
{
    return fence_is_cheap() && !pool->cap ? 0 : POOL_UNBIASED;
}

void local_restore(local_t *local)
{
    atomic_store_explicit(&local->revoked, false, memory_order_release);
    __atomic_store_n(&local->hot.unbiased, bias_at_rest(local->pool), __ATOMIC_RELEASE);
}

bool local_revoke(local_t *local)
{
    revoke_one(local);
    fence_cold();
    return await_revoked(local, REVOKE_SPIN_LIMIT);
}

void pool_restore(weir_pool *pool)
{
    for (local_t *local = local_first(pool); local; local = local_next(local))
        local_restore(local);
}

void pools_restore(void)
{
    for (weir_pool *pool = pools.first; pool; pool = pool->next)
        pool_restore(pool);
}

bool pool_any_skipped(const weir_pool *pool)
{
    for (const local_t *local = local_first(pool); local; local = local_next(local))
        if (local->skipped)
            return true;
    return false;
}

/* --- a thread ends --- */

/* Others may steal what the thread had in hand. The local waits for the next thread. */
static void local_abandon(local_t *local)
{
    for (magazine_t *chain = local_unload(local), *next; chain; chain = next) {
        next = atomic_load_explicit(&chain->next, memory_order_relaxed);
        depot_push(&local->full, chain);
        pool_count_move(local->pool);
    }
    local->thread = NULL;
}

static void thread_end(void)
{
    table_t *table = pool_table;
    if (table == &table_none)
        return;
    lock_acquire(&pools.lock);
    table_set(&table_none);
    for (size_t id = 0; id < table->size; id++) {
        local_t *local = table_local(table, id);
        if (local != &local_none)
            local_abandon(local);
    }
    table_unlink(table);
    lock_release(&pools.lock);
    heap_free(table);
}

/* --- fork --- */

static bool before_fork(void)
{
    if (!lock_acquire_soon(&pools.lock))
        return false;
    pools_revoke();
    return true;
}

/* The local's thread is gone. If it was in the middle of an operation, what it had in hand may be in any
 * state, and is lost. */
static void local_lose_thread(local_t *local)
{
    if (local->skipped) {
        local->given += local_count(local) + (local->previous ? local->previous->count : 0);
        local->previous = NULL;
        local_load(local, NULL, 0);
        local->hot.busy = 0;
    }
    local_abandon(local);
}

static void forget_other_threads(void)
{
    for (weir_pool *pool = pools.first; pool; pool = pool->next) {
        for (local_t *local = local_first(pool); local; local = local_next(local))
            if (local->thread && local->thread != pool_table)
                local_lose_thread(local);
        if (pool->dropper != os_thread_word())
            pool->dropper = 0;
    }
    pools.tables = NULL;
    if (pool_table != &table_none)
        table_link(pool_table);
}

static void after_fork(bool child)
{
    if (child && lock_may_repair(&pools.lock))
        forget_other_threads();
    if (lock_may_repair(&pools.lock))
        pools_restore();
    lock_after_fork(&pools.lock, child);
}

/* --- start --- */

static void start_once(void)
{
    fence_init();
    thread_call_at_end(thread_end);
    fork_call(LOCK_RANK_POOLS, before_fork, after_fork);
    pools_provide_roots();
    cycle_listen(CYCLE_AGE, pools_age, NULL);
    cycle_listen(CYCLE_SETTLE, pools_settle, NULL);
}

void pools_start(void)
{
    static _Atomic bool started;
    if (LIKELY(atomic_load_explicit(&started, memory_order_acquire)))
        return;
    heap_free(heap_malloc(1)); /* the heap starts first */
    lock_acquire(&fork_start_lock);
    if (!started)
        start_once();
    started = true;
    lock_release(&fork_start_lock);
}
