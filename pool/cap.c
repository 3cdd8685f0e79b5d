/* cap: what a pool refuses: objects that the program does not want kept, and objects beyond a number of
 * bytes.
 *
 * The cap is exact: each object is counted, by the size of its cell, when it comes and when it goes. So a
 * pool with a cap is unbiased to the fast paths, and each get and put goes out of line. A magazine says
 * whether its objects are counted. When a first cap is set or the cap is removed, all objects are dropped: so
 * all magazines in use are counted, or none is. They are also dropped when a new cap is exceeded already. */
#include "pool/check.h"
#include "pool/pool.h"

bool pool_refuses(weir_pool *pool, void *p)
{
    bool (*refuses)(void *ctx, void *p) = atomic_load_explicit(&pool->refuses, memory_order_acquire);
    return UNLIKELY(refuses != NULL) && refuses(pool->ctx, p);
}

bool pool_count(weir_pool *pool, size_t bytes)
{
    if (LIKELY(!pool->cap))
        return true;
    size_t before = atomic_fetch_add_explicit(&pool->pooled, bytes, memory_order_relaxed);
    if (before <= pool->cap && bytes <= pool->cap - before)
        return true;
    pool_uncount(pool, bytes);
    return false;
}

void pool_uncount(weir_pool *pool, size_t bytes)
{
    atomic_fetch_sub_explicit(&pool->pooled, bytes, memory_order_relaxed);
}

/* Under pools.lock, biases revoked. */
static void set_cap(weir_pool *pool, size_t bytes)
{
    bool all_go = !pool->cap != !bytes || atomic_load_explicit(&pool->pooled, memory_order_relaxed) > bytes;
    pool->cap = bytes;
    if (all_go)
        pool_pend_all(pool);
}

void weir_pool_set_limit(weir_pool *pool, size_t bytes)
{
    lock_acquire(&pools.lock);
    pool_revoke(pool, REVOKE_FOR_EVER);
    set_cap(pool, bytes);
    pool_restore(pool);
    lock_release(&pools.lock);
    pool_settle(pool);
}

/* A capacity of 0 takes puts off the fast path. */
void weir_pool_set_refusal(weir_pool *pool, bool (*refuses)(void *ctx, void *p))
{
    lock_acquire(&pools.lock);
    pool_revoke(pool, REVOKE_FOR_EVER);
    atomic_store_explicit(&pool->refuses, refuses, memory_order_release);
    for (local_t *local = local_first(pool); local; local = local_next(local))
        local_set_capacity(local, 0);
    pool_restore(pool);
    lock_release(&pools.lock);
}
