/* steal: taking what other threads have in hand. Full magazines are on stacks, from which any thread pops
 * (pool.c). After a miss, a thread takes from the two magazines that another thread has in hand: the previous
 * one if it has objects; else half of the loaded one, or all of the loaded one if that thread has not used
 * the pool since the last theft. It takes from the thread that seems to have the most, and revokes the bias
 * of that thread alone (pool.h). So a few objects, which never fill a magazine, are found, too.
 *
 * Revoking a bias costs a fence of all threads: some microseconds, and twenty where it is dear to interrupt a
 * processor, as in some virtual machines. So a theft has to bring enough:
 *
 *     after a theft      debt = max(0, THEFT - objects that it brought); if the other thread has used the
 *                        pool since an earlier theft from it: at least
 *                               the time of this theft / the time to make an object
 *     at a further miss  if debt > 0: debt = debt - 1, and no theft
 *
 * So two threads that take one object from each other by turns soon have one each. Where one thread puts what
 * another gets, objects are made until enough are on their way to fill magazines, and thefts become rare. The
 * making costs as much as the thefts. What an idle thread has in hand is found without a debt, if it is
 * enough. Where no thread has anything in hand, no bias is revoked. */
#include <string.h>

#include "pool/pool.h"
#include "runtime/heap/heap.h"

enum { THEFT = 4 /* misses */, UNKNOWN_NS = 1000 /* to make an object, if new_object does not do it */ };

typedef struct theft {
    uint32_t brought;  /* objects; 0: none, and the rest is not set */
    bool is_contended; /* the thread has used the pool since an earlier theft from it */
    size_t object_bytes;
} theft_t;

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

/* Has its thread got and put nothing since the last theft? */
static bool is_idle(const local_t *local)
{
    return local->robbed_at == (uint32_t)local->hot.hits && local->left == local_count(local);
}

/* Take all rounds of the loaded magazine, or half of them: those that were put first. They are the least
 * likely to be in that processor's cache. */
static magazine_t *take_share(local_t *local, magazine_t **spare)
{
    magazine_t *loaded = local_loaded(local), *taken = *spare;
    uint32_t count = local_count(local), share = is_idle(local) ? count : count - count / 2;
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
static magazine_t *take_from(local_t *local, magazine_t **spare, theft_t *theft)
{
    magazine_t *taken = local->previous;
    theft->is_contended = local->left != LOCAL_NOT_ROBBED && !is_idle(local);
    theft->object_bytes = local->sampled ? local->sampled_bytes / local->sampled : 0;
    if (taken && taken->count > 0)
        local->previous = NULL;
    else if (local_count(local) > 0 && *spare)
        taken = take_share(local, spare);
    else
        return NULL;
    theft->brought = taken->count;
    local->given += taken->count;
    local->robbed_at = (uint32_t)local->hot.hits;
    local->left = (uint8_t)local_count(local);
    return taken;
}

/* Under pools.lock. */
static magazine_t *rob(weir_pool *pool, const local_t *self, magazine_t **spare, theft_t *theft)
{
    local_t *from = pool->freed ? NULL : richest(pool, self);
    if (!from)
        return NULL;
    magazine_t *taken = NULL;
    if (local_revoke(from))
        taken = take_from(from, spare, theft);
    else
        pool_count_missed(pool);
    local_restore(from);
    return taken;
}

/* Steal, begin an operation, and load what was stolen. All of this is done before the lock is released, so
 * that the collector and the next thief find the objects. */
static theft_t rob_and_load(weir_pool *pool, local_t *self, magazine_t **spare)
{
    theft_t theft = {.brought = 0};
    lock_acquire(&pools.lock);
    magazine_t *taken = rob(pool, self, spare, &theft);
    if (taken && local_enter(self)) { /* succeeds: no other thread has the lock, so the bias is not revoked */
        self->stolen += theft.brought;
        if (local_count(self) > 0)
            depot_push(&self->full, taken); /* a signal handler has loaded some */
        else
            local_load_full(self, taken);
        pool_count_move(pool);
    }
    lock_release(&pools.lock);
    return theft;
}

/* An object also costs what its memory costs to touch first: about a quarter of a nanosecond a byte. */
static uint8_t debt_after(const theft_t *theft, uint64_t theft_ns, const weir_pool *pool)
{
    uint64_t debt = theft->brought < THEFT ? THEFT - theft->brought : 0, invested = 0;
    if (theft->brought && theft->is_contended) {
        uint64_t make_ns = atomic_load_explicit(&pool->make_ns, memory_order_relaxed);
        invested = theft_ns / ((make_ns ? make_ns : UNKNOWN_NS) + theft->object_bytes / 4);
    }
    debt = debt > invested ? debt : invested;
    return debt < UINT8_MAX ? (uint8_t)debt : UINT8_MAX;
}

/* Does another thread seem to have objects in hand? A thief holds pools.lock while it moves objects, which
 * are in no local then: so a taken lock is promising, too. */
static bool is_promising(const weir_pool *pool, const local_t *self)
{
    return richest(pool, self) || lock_is_taken(&pools.lock);
}

bool pool_steal(weir_pool *pool, local_t *self)
{
    if (self == &pool->common || !fence_works() || !is_promising(pool, self))
        return false;
    magazine_t *spare = heap_manual(MAGAZINE_SIZE, MAGAZINE_SIZE);
    if (spare)
        *spare = (magazine_t){.count = 0};
    uint64_t from = os_now_ns();
    theft_t theft = rob_and_load(pool, self, &spare);
    self->debt = debt_after(&theft, os_now_ns() - from, pool);
    if (theft.brought && spare)
        depot_push(&pool->empty, spare);
    else
        heap_free(spare);
    return theft.brought > 0;
}
