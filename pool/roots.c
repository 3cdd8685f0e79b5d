/* roots: what pools hold, for the collector.
 *
 * A pooled object is reached as long as the pool may hand it out or has to drop it: it is in the `loaded`,
 * `previous`, `full` or `victims` of a local (pool.h), or pending drop. Pools age before the trace
 * (cycle/cycle.h), which makes victims pending drop. If a pool has no `drop`, nothing has to be done for a
 * collected object that is pending drop. So the pool forgets it before the trace, which then frees it and all
 * that only it reaches. That is Go's rule: what is in a sync.Pool survives one collection and not two.
 *
 * What is read here is consistent while the world is stopped. A thread is not stopped in an operation off the
 * fast paths (local_enter). The holder of pools.lock is the collector itself. On the fast paths only the
 * count changes: if a thread was stopped there (it is busy), one round more is scanned.
 */
#include "pool/check.h"
#include "pool/pool.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/heap/heap.h"

/* --- before the stop --- */

/* Does p lie in collected memory? Only its span is looked at: the trace finds out whether p is an object. */
static bool is_collected(const void *p)
{
    if (!region_owns(p))
        return false;
    const span_t *span = span_of_slot(region_slot(p));
    return span->state == SPAN_TAIL || span->kind != KIND_MANUAL;
}

static void magazine_forget_collected(weir_pool *pool, magazine_t *magazine)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < magazine->count; i++)
        if (!is_collected(magazine->rounds[i]))
            magazine->rounds[kept++] = magazine->rounds[i];
        else if (magazine->counted)
            pool_uncount(pool, heap_cell_size(magazine->rounds[i]));
    atomic_fetch_add_explicit(&pool->drops, magazine->count - kept, memory_order_relaxed);
    magazine->count = kept;
}

static void pool_forget_collected(weir_pool *pool)
{
    for (magazine_t *chain = pool->pending_drop; chain; chain = chain->next_chain)
        for (magazine_t *magazine = chain; magazine;
             magazine = atomic_load_explicit(&magazine->next, memory_order_relaxed))
            magazine_forget_collected(pool, magazine);
}

static void roots_lock(void)
{
    lock_acquire(&pools.lock);
    for (weir_pool *pool = pools.first; pool; pool = pool->next)
        if (!pool->drop)
            pool_forget_collected(pool);
}

/* --- with the world stopped --- */

static void each_round(const magazine_t *magazine, uint32_t count,
                       void (*range)(uintptr_t from, uintptr_t to))
{
    count = count < MAGAZINE_ROUNDS ? count : MAGAZINE_ROUNDS;
    if (magazine && count)
        range((uintptr_t)magazine->rounds, (uintptr_t)(magazine->rounds + count));
}

static void each_in_chain(const magazine_t *magazine, void (*range)(uintptr_t from, uintptr_t to))
{
    for (; magazine; magazine = atomic_load_explicit(&magazine->next, memory_order_relaxed))
        each_round(magazine, magazine->count, range);
}

static void each_of_local(const local_t *local, void (*range)(uintptr_t from, uintptr_t to))
{
    uint32_t busy = __atomic_load_n(&local->hot.busy, __ATOMIC_RELAXED);
    each_round(local_loaded(local), local_count(local) + busy, range);
    if (local->previous)
        each_round(local->previous, local->previous->count, range);
    each_in_chain(depot_top(atomic_load_explicit(&local->full.head, memory_order_relaxed)), range);
    each_in_chain(depot_top(atomic_load_explicit(&local->victims.head, memory_order_relaxed)), range);
}

static void each_of_pool(const weir_pool *pool, void (*range)(uintptr_t from, uintptr_t to))
{
    roots_say_name(pool->name);
    range((uintptr_t)&pool->ctx, (uintptr_t)(&pool->ctx + 1));
    for (const local_t *local = local_first(pool); local; local = local_next(local))
        each_of_local(local, range);
    for (const magazine_t *chain = pool->pending_drop; chain; chain = chain->next_chain)
        each_in_chain(chain, range);
    if (pool->dropping)
        each_round(pool->dropping, pool->dropping->count, range);
    if (pool->check)
        check_each_root(pool->check, range);
}

static void roots_each_pool(void (*range)(uintptr_t from, uintptr_t to))
{
    for (const weir_pool *pool = pools.first; pool; pool = pool->next)
        each_of_pool(pool, range);
    for (const weir_pool *pool = pools.closing; pool; pool = pool->next)
        each_of_pool(pool, range);
}

static void roots_unlock(void)
{
    lock_release(&pools.lock);
}

void pools_provide_roots(void)
{
    static const roots_provider_t provider = {roots_lock, roots_each_pool, roots_unlock};
    roots_provide(LOCK_RANK_POOLS, &provider);
}
