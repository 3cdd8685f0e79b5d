/* age: pools and the runtime's cycle. At a cycle, what is in a pool becomes a victim, and what was a victim
 * already becomes pending drop. So an object is dropped if it was not used for two cycles, as in Go 1.13 and
 * later. A cycle for a limit makes all objects pending drop at once.
 *
 * AGE moves each chain of magazines as a whole, by one word, with biases revoked, and allocates nothing.
 * SETTLE calls the program's drop callbacks without a lock, in one thread at a time for each pool.
 *
 * Magazines that were in a depot are given back to the heap only here, and when nobody uses the pool any more
 * (pool_dispose). While all biases of a pool are revoked and no thread was skipped, no thread is in a pop of
 * its depots: so no thread can reach a magazine that is in no depot then (depot.h).
 */
#include "pool/check.h"
#include "pool/pool.h"
#include "runtime/cycle/event.h"
#include "runtime/heap/heap.h"

/* --- AGE; under pools.lock, biases revoked --- */

static void pend(weir_pool *pool, magazine_t *chain)
{
    if (!chain)
        return;
    chain->next_chain = pool->pending_drop;
    chain->keep = pool_any_skipped(pool);
    pool->pending_drop = chain;
}

static void push_chain(depot_t *depot, magazine_t *chain)
{
    for (magazine_t *next; chain; chain = next) {
        next = atomic_load_explicit(&chain->next, memory_order_relaxed);
        depot_push(depot, chain);
    }
}

/* A thread has at most two magazines in hand, which are pushed one by one; a stack moves as a whole. */
static void local_age(local_t *local)
{
    pend(local->pool, depot_replace(&local->victims, NULL));
    pend(local->pool, depot_replace(&local->victims, depot_replace(&local->full, NULL)));
    if (!local->skipped)
        push_chain(&local->victims, local_unload(local));
}

static void pool_age(weir_pool *pool)
{
    for (local_t *local = local_first(pool); local; local = local_next(local))
        local_age(local);
    pend(pool, depot_replace(&pool->empty, NULL));
}

void pool_pend_all(weir_pool *pool)
{
    pool_age(pool);
    for (local_t *local = local_first(pool); local; local = local_next(local))
        pend(pool, depot_replace(&local->victims, NULL));
    if (pool->check)
        check_age(pool->check, true);
}

void pools_age(void *context, enum cycle_reason reason)
{
    (void)context;
    if (!fence_works()) /* then what threads have in hand must not be taken */
        return;
    lock_acquire(&pools.lock);
    pools_revoke();
    for (weir_pool *pool = pools.first; pool; pool = pool->next) {
        pool->cycles++;
        if (reason == CYCLE_LIMIT)
            pool_pend_all(pool);
        else
            pool_age(pool);
        if (pool->check)
            check_age(pool->check, reason == CYCLE_LIMIT);
    }
    pools_restore();
    lock_release(&pools.lock);
    event_tell(&(weir_event){.reason = cycle_event_reason(reason)}, WEIR_EVENT_POOLS_AGED);
}

/* --- SETTLE --- */

void pool_drop(weir_pool *pool, void *p)
{
    if (pool->drop)
        pool->drop(pool->ctx, p);
    else
        heap_free(p);
    atomic_fetch_add_explicit(&pool->drops, 1, memory_order_relaxed);
}

/* Take the first magazine that is pending drop out of its chain. Called under pools.lock. */
static magazine_t *take_pending_drop(weir_pool *pool)
{
    magazine_t *first = pool->pending_drop;
    magazine_t *next = first ? atomic_load_explicit(&first->next, memory_order_relaxed) : NULL;
    if (next) {
        next->next_chain = first->next_chain;
        next->keep = first->keep;
        pool->pending_drop = next;
    } else if (first) {
        pool->pending_drop = first->next_chain;
    }
    return first;
}

/* An object counts as the pool's until it has been dropped, because a collection may run meanwhile. */
static void drop_magazine(weir_pool *pool, magazine_t *magazine)
{
    for (; magazine->count > 0; magazine->count--) {
        void *p = magazine->rounds[magazine->count - 1];
        if (magazine->counted)
            pool_uncount(pool, heap_cell_size(p));
        pool_drop(pool, p);
    }
}

/* Called under pools.lock, which is released meanwhile. weir_pool_free waits for the dropper, so the pool
 * stays. */
static void drop_pending(weir_pool *pool)
{
    __atomic_store_n(&pool->dropper, os_thread_word(), __ATOMIC_RELAXED);
    while ((pool->dropping = take_pending_drop(pool)) != NULL) {
        magazine_t *magazine = pool->dropping;
        lock_release(&pools.lock);
        drop_magazine(pool, magazine);
        lock_acquire(&pools.lock);
        pool->dropping = NULL;
        lock_release(&pools.lock);
        if (magazine->keep)
            depot_push(&pool->empty, magazine);
        else
            heap_free(magazine);
        lock_acquire(&pools.lock);
    }
    lock_release(&pools.lock);
    if (pool->check)
        check_settle(pool);
    lock_acquire(&pools.lock);
    __atomic_store_n(&pool->dropper, 0, __ATOMIC_RELAXED);
}

static bool has_pending_drop(const weir_pool *pool)
{
    return pool->pending_drop || (pool->check && check_has_pending_drop(pool->check));
}

void pools_settle(void *context, enum cycle_reason reason)
{
    (void)context;
    (void)reason;
    lock_acquire(&pools.lock);
    for (size_t id = 0; id < pools.ids; id++) { /* while one drops, pools may come and go */
        weir_pool *pool = pool_of_id(id);
        if (pool && has_pending_drop(pool) && !pool->dropper)
            drop_pending(pool);
    }
    lock_release(&pools.lock);
}

void pool_settle(weir_pool *pool)
{
    lock_acquire(&pools.lock);
    while (has_pending_drop(pool) || pool->dropper) {
        if (!pool->dropper) {
            drop_pending(pool);
            continue;
        }
        lock_release(&pools.lock);
        os_yield();
        lock_acquire(&pools.lock);
    }
    lock_release(&pools.lock);
}
