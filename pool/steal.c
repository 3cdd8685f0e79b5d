/* steal: taking what other threads have in hand. Full magazines are on stacks, from which any thread pops
 * (pool.c). After a miss, a thread takes from the two magazines that another thread has in hand: the previous
 * one if it has objects; else half of the loaded one, or all of the loaded one if that thread has not used
 * the pool since the last theft. It takes from the thread that seems to have the most, and revokes the bias
 * of that thread alone (pool.h). So a few objects, which never fill a magazine, are found, too.
 *
 * Revoking a bias costs a fence of all threads, some microseconds. So a theft has to bring enough:
 *
 *     after a theft      debt = max(0, THEFT - objects that it brought)
 *     at a further miss  if debt > 0: debt = debt - 1, and no theft
 *
 * So two threads that take one object from each other by turns soon have one each, and a theft that brings
 * many objects leaves no debt. Where no thread has anything in hand, no bias is revoked. */
#include <string.h>

#include "pool/pool.h"
#include "runtime/heap/heap.h"

enum { THEFT = 4 /* misses */ };

/* A guess, since the owner changes what is read here. */
__attribute__((no_sanitize("thread"))) static uint32_t seems_to_have(const local_t *local)
{
    return local_count(local) + (local->previous != NULL);
}

static local_t *richest(const weir_pool *pool, const local_t *self)
{
    local_t *best = NULL;
    for (local_t *local = local_first(pool); local; local = local_next(local))
        if (local != self && local != &pool->common &&
            seems_to_have(local) > (best ? seems_to_have(best) : 0))
            best = local;
    return best;
}

/* How many rounds to take of a loaded magazine: all, if its thread has got and put nothing since the last
 * theft; else half. Those that were put first are taken: they are the least likely to be in that processor's
 * cache. */
static uint32_t share_of(local_t *local)
{
    uint32_t count = local_count(local);
    bool is_idle = local->robbed_at == (uint32_t)local->hot.hits && local->left == count;
    local->robbed_at = (uint32_t)local->hot.hits;
    local->left = (uint8_t)(count / 2);
    return is_idle ? count : count - count / 2;
}

static magazine_t *take_share(local_t *local, magazine_t **spare)
{
    magazine_t *loaded = local_loaded(local), *taken = *spare;
    uint32_t count = local_count(local), share = share_of(local);
    memcpy(taken->rounds, loaded->rounds, share * sizeof taken->rounds[0]);
    memmove(loaded->rounds, loaded->rounds + share, (count - share) * sizeof loaded->rounds[0]);
    local_set_count(local, count - share);
    taken->count = share;
    taken->counted = loaded->counted;
    *spare = NULL;
    return taken;
}

/* Take what a thread has in hand, or part of it. Called under pools.lock, with the bias of the local revoked.
 * *spare: an empty magazine, or NULL. NULL: nothing was taken. */
static magazine_t *take_from(local_t *local, magazine_t **spare)
{
    magazine_t *taken = local->previous;
    if (taken && taken->count > 0)
        local->previous = NULL;
    else if (local_count(local) > 0 && *spare)
        taken = take_share(local, spare);
    else
        return NULL;
    local->given += taken->count;
    return taken;
}

/* Under pools.lock. */
static magazine_t *rob(weir_pool *pool, const local_t *self, magazine_t **spare)
{
    local_t *from = pool->freed ? NULL : richest(pool, self);
    if (!from)
        return NULL;
    magazine_t *taken = local_revoke(from) ? take_from(from, spare) : NULL;
    local_restore(from);
    return taken;
}

/* Steal, begin an operation, and load what was stolen. All of this is done before the lock is released, so
 * that the collector and the next thief find the objects. Returns how many objects were stolen. */
static uint32_t rob_and_load(weir_pool *pool, local_t *self, magazine_t **spare)
{
    lock_acquire(&pools.lock);
    magazine_t *taken = rob(pool, self, spare);
    uint32_t brought = taken ? taken->count : 0;
    if (taken && local_enter(self)) { /* succeeds: no other thread has the lock, so the bias is not revoked */
        self->stolen += brought;
        if (local_count(self) > 0)
            depot_push(&self->full, taken); /* a signal handler has loaded some */
        else
            local_load_full(self, taken);
        pool_count_move(pool);
    }
    lock_release(&pools.lock);
    return brought;
}

/* Does another thread seem to have objects in hand? A thief holds pools.lock while it moves objects, which
 * are in no local then: so a taken lock is promising, too. */
static bool is_promising(const weir_pool *pool, const local_t *self)
{
    return richest(pool, self) || lock_is_taken(&pools.lock);
}

bool pool_steal(weir_pool *pool, local_t *self)
{
    if (self->debt > 0) {
        self->debt--;
        return false;
    }
    if (self == &pool->common || !fence_works() || !is_promising(pool, self))
        return false;
    magazine_t *spare = heap_manual(MAGAZINE_SIZE, MAGAZINE_SIZE);
    if (spare)
        *spare = (magazine_t){.count = 0};
    uint32_t brought = rob_and_load(pool, self, &spare);
    self->debt = (uint8_t)(brought < THEFT ? THEFT - brought : 0);
    if (brought && spare)
        depot_push(&pool->empty, spare);
    else
        heap_free(spare);
    return brought > 0;
}
