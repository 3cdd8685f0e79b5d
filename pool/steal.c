/* steal: what other threads have in hand. Magazines that are full are on stacks, from which any thread pops
 * (pool.c). Of what a thread has in its two hands a thread that misses takes the previous magazine, or half
 * of the loaded one, or all of it if the thread has not used the pool since the last theft: with the bias of
 * that one thread revoked (pool.h), of the one that seems to have the most. So a few objects, which never
 * fill a magazine, are found too.
 *
 * Revoking a bias costs a fence of all threads, some microseconds. A theft is paid by what it brings: it
 * makes a debt of THEFT, less one for each object; each further miss pays one back. Two threads that take one
 * object from each other by turns soon have one each, and where there is plenty nothing is owed. Where no
 * thread has anything in hand no bias is revoked. */
#include <string.h>

#include "pool/pool.h"
#include "runtime/heap/heap.h"

enum { THEFT = 4 /* misses */ };

/* Its owner changes it meanwhile: a guess. */
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

/* Of a thread that has got and put nothing since the last theft, all; else half, those that were put first:
 * they are the least likely to be in its processor's cache. */
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

/* Under pools.lock, its bias revoked. *spare: an empty magazine, or NULL. */
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

/* An operation begins, and what was taken is loaded before the lock is given up: so the collector finds it,
 * and so does the next thief. How many objects. */
static uint32_t rob_and_load(weir_pool *pool, local_t *self, magazine_t **spare)
{
    lock_acquire(&pools.lock);
    magazine_t *taken = rob(pool, self, spare);
    uint32_t brought = taken ? taken->count : 0;
    if (taken && local_enter(self)) { /* the bias is its: no other thread has the lock */
        self->stolen += brought;
        if (local_count(self) > 0)
            depot_push(&self->full, taken); /* a handler was here */
        else
            local_load_full(self, taken);
    }
    lock_release(&pools.lock);
    return brought;
}

/* Does another thread seem to hold objects? While a thief carries some, under the lock, they are in no
 * thread's hands; once the lock is free they are in the thief's. So it is looked again. */
static bool is_promising(const weir_pool *pool, const local_t *self)
{
    return richest(pool, self) || lock_is_taken(&pools.lock) || richest(pool, self);
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
