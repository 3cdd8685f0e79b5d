/* stats: a pool's counters, added up. Puts are not counted where they happen: their number follows from the
 * other counters (`given` in pool.h). */
#include <string.h>

#include "pool/pool.h"

static uint64_t puts_of(const local_t *local)
{
    uint64_t in_hand = local_count(local) + (local->previous ? local->previous->count : 0);
    return in_hand + local->hot.hits + local->given;
}

pool_sums_t pool_sums(const weir_pool *pool)
{
    pool_sums_t sums = {.puts = atomic_load_explicit(&pool->unkept, memory_order_relaxed)};
    for (const local_t *local = local_first(pool); local; local = local_next(local)) {
        sums.hits += local->hot.hits;
        sums.misses += local->misses;
        sums.steals += local->stolen;
        sums.puts += puts_of(local);
        sums.sampled += local->sampled;
        sums.sampled_bytes += local->sampled_bytes;
    }
    return sums;
}

/* Under pools.lock. */
static weir_pool_stats read_locked(weir_pool *pool)
{
    pool_revoke(pool, REVOKE_SPIN_LIMIT);
    pool_sums_t sums = pool_sums(pool);
    pool_restore(pool);
    weir_pool_stats stats = {.gets = sums.hits + sums.misses,
                             .hits = sums.hits,
                             .misses = sums.misses,
                             .steals = sums.steals,
                             .puts = sums.puts,
                             .drops = atomic_load_explicit(&pool->drops, memory_order_relaxed),
                             .cycles = pool->cycles,
                             .refused = atomic_load_explicit(&pool->refused, memory_order_relaxed)};
    memcpy(stats.name, pool->name, sizeof stats.name);
    stats.held = stats.puts - stats.hits - stats.drops;
    stats.bytes_held = sums.sampled ? stats.held * (sums.sampled_bytes / sums.sampled) : 0;
    return stats;
}

void weir_read_pool_stats_sized(weir_pool *pool, void *stats, size_t size)
{
    lock_acquire(&pools.lock);
    weir_pool_stats known = read_locked(pool);
    lock_release(&pools.lock);
    memcpy(stats, &known, size < sizeof known ? size : sizeof known);
    if (size > sizeof known)
        memset((char *)stats + sizeof known, 0, size - sizeof known);
}

/* Read the statistics of the pool with the lowest number from `id` on. False: there is none. */
static bool read_from(size_t id, weir_pool_stats *stats, size_t *found)
{
    lock_acquire(&pools.lock);
    weir_pool *pool = NULL;
    for (; id < pools.ids && !pool; id++)
        pool = pool_of_id(id);
    if (pool) {
        *stats = read_locked(pool);
        *found = pool_id(pool);
    }
    lock_release(&pools.lock);
    return pool != NULL;
}

void weir_pool_each(bool (*visit)(void *ctx, const weir_pool_stats *stats, size_t size), void *ctx)
{
    weir_pool_stats stats;
    for (size_t id = 0; read_from(id, &stats, &id); id++)
        if (!visit(ctx, &stats, sizeof stats))
            return;
}
