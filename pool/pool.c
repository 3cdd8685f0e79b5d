/* pool: get and put, the life of a pool. See pool.h for where objects are; include/weir/pool.h is the
 * manual. */
#include "pool/pool.h"

#include <errno.h>
#include <string.h>

#include "pool/check.h"
#include "runtime/control/divert.h"
#include "runtime/debug/misuse.h"
#include "runtime/heap/heap.h"
#include "runtime/profile/budget.h"
#include "runtime/profile/profile.h"

/* A thread keeps two magazines to itself. Each of them has objects of at most this many bytes, or one object:
 * otherwise all objects of a pool of few large ones might be in one thread's magazines. */
enum { MAGAZINE_BYTES = 128 * 1024 };

/* --- magazines --- */

static uint32_t capacity_for(size_t object_bytes)
{
    if (object_bytes <= MAGAZINE_BYTES / MAGAZINE_ROUNDS)
        return MAGAZINE_ROUNDS;
    return object_bytes < MAGAZINE_BYTES ? (uint32_t)(MAGAZINE_BYTES / object_bytes) : 1;
}

/* Find a magazine with objects: the thread's own full ones first, then those of others, then victims. NULL:
 * there is none. */
static magazine_t *find_full(local_t *local)
{
    magazine_t *found = depot_pop(&local->full);
    if (found)
        return found;
    for (local_t *other = local_first(local->pool); other && !found; other = local_next(other))
        if ((found = depot_pop(&other->full)) != NULL)
            local->stolen += found->count;
    if (!found)
        found = depot_pop(&local->victims);
    for (local_t *other = local_first(local->pool); other && !found; other = local_next(other))
        if ((found = depot_pop(&other->victims)) != NULL)
            local->stolen += found->count;
    return found;
}

/* The loaded magazine is empty: load another. False: there is none. */
static bool reload(local_t *local)
{
    magazine_t *empty = local_loaded(local), *full = local->previous;
    if (empty)
        empty->count = 0;
    if (full && full->count > 0) {
        local->previous = empty;
    } else {
        full = find_full(local);
        if (!full)
            return false;
        local_load_full(local, full);
        pool_count_move(local->pool);
        return true;
    }
    local_load(local, full, full->count);
    return true;
}

/* The loaded magazine is full, or there is none: load an empty one. *fresh: a spare magazine, or NULL. False:
 * a spare one is needed. */
static bool load_empty(local_t *local, uint32_t capacity, magazine_t **fresh)
{
    magazine_t *full = local_loaded(local), *empty = local->previous;
    if (full && empty && empty->count == 0) {
        local->previous = NULL;
    } else {
        empty = *fresh ? *fresh : depot_pop(&local->pool->empty);
        if (!empty)
            return false;
        *fresh = NULL;
    }
    if (full) {
        full->count = local_count(local);
        magazine_t *leaving = full;
        if (capacity > 1) {
            leaving = local->previous;
            local->previous = full;
        }
        if (leaving) {
            local->given += leaving->count;
            depot_push(&local->full, leaving);
        }
    }
    empty->counted = local->pool->cap > 0;
    local_load(local, empty, 0);
    return true;
}

/* --- get --- */

/* new_object may use this very pool, so the thread is not busy. */
/* Time one of sixteen, for steal.c. */
static void *call_new_object(weir_pool *pool)
{
    enum { EACH = 16 };
    if (pool->made % EACH != 0)
        return pool->new_object(pool->ctx);
    uint64_t from = os_now_ns();
    void *p = pool->new_object(pool->ctx);
    uint64_t took = os_now_ns() - from, last = pool->make_ns;
    pool->make_ns = last ? (last * 7 + took) / 8 : took;
    return p;
}

void *pool_make_object(weir_pool *pool)
{
    profile_owner_t before = profile_own(pool->name, PROFILE_POOL);
    weir_account *account = divert_to(pool->account);
    void *p = pool->new_object ? call_new_object(pool) : NULL;
    divert_to(account);
    profile_owner = before;
    if (p)
        atomic_fetch_add_explicit(&pool->made, 1, memory_order_relaxed);
    return p;
}

/* Take an object from the loaded magazine, which is not empty. */
static void *pop(local_t *local)
{
    uint32_t left = local_count(local) - 1;
    void *p = local->hot.rounds[left];
    local->hot.hits++;
    local_set_count(local, left);
    if (UNLIKELY(local_loaded(local)->counted))
        pool_uncount(local->pool, heap_cell_size(p));
    return p;
}

/* Take an object from what the thread has in hand, or from the depots. *p is NULL if there is none. False:
 * the pool is freed. */
static bool take(local_t *local, void **p)
{
    *p = NULL;
    if (!local_enter(local))
        return false;
    if (local_count(local) > 0 || reload(local))
        *p = pop(local);
    local_leave(local);
    return true;
}

/* False: the pool is freed. */
static bool count_miss(local_t *local)
{
    if (!local_enter(local))
        return false;
    local->misses++;
    local_leave(local);
    return true;
}

/* After a miss: take an object from what another thread has in hand, or return NULL. */
static void *take_stolen(weir_pool *pool, local_t *local)
{
    if (!pool_steal(pool, local))
        return NULL;
    void *p = pop(local);
    local_leave(local);
    return p;
}

/* Take an object from the pool, or steal what other threads have in hand. If neither succeeds and objects
 * were on their way meanwhile (pool_count_move), try again, unless the thread has a debt (steal.c).
 * *p is NULL if there is none. False: the pool is freed. */
static bool take_or_steal(weir_pool *pool, void **p)
{
    local_t *local = local_here(pool);
    uint32_t moves;
    if (!local)
        return false;
    bool is_in_debt = local->debt > 0;
    do {
        moves = pool_moves(pool);
        if (!take(local, p))
            return false;
        if (!*p && is_in_debt)
            local->debt--;
        else if (!*p && !(*p = take_stolen(pool, local)))
            local_await_others(local);
    } while (!*p && !is_in_debt && pool_moves(pool) != moves);
    return *p || count_miss(local);
}

void *weir_pool_get_slow(weir_pool *pool)
{
    void *p;
    if (UNLIKELY(pool->check != NULL))
        return check_get(pool);
    if (!take_or_steal(pool, &p))
        return NULL;
    return p ? p : pool_make_object(pool);
}

extern inline void *weir_pool_get(weir_pool *pool);

/* --- put --- */

/* Put an object after the pool was freed. The pool's handle is kept until all of its objects have been
 * put. */
static void put_late(weir_pool *pool, void *p)
{
    pool_drop(pool, p);
    lock_acquire(&pools.lock);
    bool last = --pool->out == 0 && pool->is_emptied;
    lock_release(&pools.lock);
    if (last)
        pool_dispose(pool);
}

/* Drop an object that never came in, and count it. */
void pool_put_unkept(weir_pool *pool, void *p)
{
    atomic_fetch_add_explicit(&pool->unkept, 1, memory_order_relaxed);
    pool_drop(pool, p);
}

void pool_put_refused(weir_pool *pool, void *p)
{
    atomic_fetch_add_explicit(&pool->refused, 1, memory_order_relaxed);
    pool_put_unkept(pool, p);
}

/* False: a fresh magazine is needed. */
static bool store(local_t *local, void *p, size_t object_bytes, magazine_t **fresh)
{
    uint32_t capacity = capacity_for(object_bytes);
    if (!local->hot.rounds || local_count(local) >= capacity) {
        if (!load_empty(local, capacity, fresh))
            return false;
    }
    bool goes_out_of_line =
        local->pool->reset || atomic_load_explicit(&local->pool->refuses, memory_order_relaxed);
    local_set_capacity(local, goes_out_of_line ? 0 : capacity);
    local->sampled++;
    local->sampled_bytes += object_bytes;
    uint32_t count = local_count(local);
    local->hot.rounds[count] = p;
    local_set_count(local, count + 1);
    return true;
}

enum put_result { PUT_STORED, PUT_NOT_YET, PUT_UNKEPT, PUT_REFUSED, PUT_FREED };

/* One attempt. PUT_NOT_YET: a fresh magazine is needed. */
static enum put_result try_put(weir_pool *pool, local_t *local, void *p, magazine_t **fresh)
{
    enum put_result result = PUT_STORED;
    size_t object_bytes = heap_cell_size(p);
    if (!local_enter(local))
        return PUT_FREED;
    if (!pool_count(pool, object_bytes)) {
        result = PUT_REFUSED;
    } else if (!store(local, p, object_bytes, fresh)) {
        result = PUT_NOT_YET;
        if (pool->cap)
            pool_uncount(pool, object_bytes);
    }
    if (result == PUT_STORED && *fresh) {
        depot_push(&pool->empty, *fresh);
        *fresh = NULL;
    }
    local_leave(local);
    return result;
}

/* A magazine is allocated outside of the operation: allocating may run a cycle, which wants our local. */
static enum put_result put_with_room(weir_pool *pool, local_t *local, void *p)
{
    magazine_t *fresh = NULL;
    enum put_result result = try_put(pool, local, p, &fresh);
    if (result != PUT_NOT_YET)
        return result;
    fresh = heap_manual(MAGAZINE_SIZE, MAGAZINE_SIZE);
    if (!fresh)
        return PUT_UNKEPT;
    *fresh = (magazine_t){.count = 0};
    result = try_put(pool, local, p, &fresh);
    heap_free(fresh);
    return result;
}

static enum put_result put(weir_pool *pool, void *p, bool is_refused)
{
    local_t *local = local_here(pool);
    if (!local)
        return PUT_FREED;
    if (!is_refused)
        return put_with_room(pool, local, p);
    if (!local_enter(local))
        return PUT_FREED;
    local_leave(local);
    return PUT_REFUSED;
}

void weir_pool_put_slow(weir_pool *pool, void *p)
{
    if (!p)
        return;
    bool is_refused = pool_refuses(pool, p);
    if (pool->reset && !is_refused)
        pool->reset(pool->ctx, p);
    int saved = errno;
    if (UNLIKELY(pool->check != NULL)) {
        if (!check_put(pool, p, is_refused))
            put_late(pool, p);
        errno = saved;
        return;
    }
    enum put_result result = put(pool, p, is_refused);
    errno = saved;
    if (result == PUT_FREED)
        put_late(pool, p);
    else if (result == PUT_REFUSED)
        pool_put_refused(pool, p);
    else if (result == PUT_UNKEPT)
        pool_put_unkept(pool, p);
}

extern inline void weir_pool_put(weir_pool *pool, void *p);

/* --- the life of a pool --- */

static void list_add(weir_pool **first, weir_pool *pool)
{
    pool->prev = NULL;
    pool->next = *first;
    if (pool->next)
        pool->next->prev = pool;
    *first = pool;
}

static void list_remove(weir_pool **first, const weir_pool *pool)
{
    *(pool->prev ? &pool->prev->next : first) = pool->next;
    if (pool->next)
        pool->next->prev = pool->prev;
}

/* Make room for one more number. */
static bool have_number(void)
{
    if (pools.free_id != POOL_NO_ID || pools.ids < pools.ids_room)
        return true;
    uintptr_t *by_id = pages_grown(pools.by_id, &pools.ids_room, 16, sizeof *by_id);
    if (by_id)
        pools.by_id = by_id;
    return by_id != NULL;
}

/* Give the pool a number and put it on the list. Numbers are used again, the last freed one first: so the
 * threads' tables need only as many entries as there were pools at the same time. */
static bool enlist(weir_pool *pool)
{
    if (!have_number())
        return false;
    size_t id = pools.free_id;
    if (id == POOL_NO_ID)
        id = pools.ids++;
    else
        pools.free_id = pools.by_id[id] == UINTPTR_MAX ? POOL_NO_ID : pools.by_id[id] >> 1;
    pools.by_id[id] = (uintptr_t)pool;
    __atomic_store_n(&pool->head.id, id, __ATOMIC_RELAXED);
    list_add(&pools.first, pool);
    return true;
}

static void strike(weir_pool *pool)
{
    size_t id = pool_id(pool);
    list_remove(&pools.first, pool);
    list_add(&pools.closing, pool);
    for (table_t *table = pools.tables; table; table = table->next)
        if (id < table->size)
            table_set_local(table, id, &local_none);
    pools.by_id[id] = pools.free_id == POOL_NO_ID ? UINTPTR_MAX : 2 * pools.free_id + 1;
    pools.free_id = id;
    __atomic_store_n(&pool->head.id, POOL_NO_ID, __ATOMIC_RELAXED);
}

static void copy_name(weir_pool *pool, const char *name)
{
    size_t length = name ? strnlen(name, sizeof pool->name - 1) : 0;
    memcpy(pool->name, name ? name : "", length);
    pool->name[length] = '\0';
}

weir_pool *weir_pool_new(const weir_pool_options *options)
{
    static const weir_pool_options none;
    options = options ? options : &none;
    pools_start();
    weir_pool *pool = heap_manual(_Alignof(weir_pool), sizeof *pool);
    if (!pool)
        return NULL;
    *pool = (weir_pool){.reset = options->reset,
                        .new_object = options->new_object,
                        .drop = options->drop,
                        .ctx = options->ctx};
    copy_name(pool, options->name);
    pool->account = budget_current;
    local_init(&pool->common, pool);
    pool->locals = &pool->common;
    if (check_is_wanted() && !(pool->check = check_new())) {
        heap_free(pool);
        return NULL;
    }
    lock_acquire(&pools.lock);
    bool done = enlist(pool);
    lock_release(&pools.lock);
    if (!done) {
        check_free(pool->check);
        heap_free(pool);
        errno = ENOMEM;
        return NULL;
    }
    return pool;
}

void pool_dispose(weir_pool *pool)
{
    for (magazine_t *empty; (empty = depot_pop(&pool->empty)) != NULL;)
        heap_free(empty);
    for (local_t *local = local_first(pool), *next; local; local = next) {
        next = local_next(local);
        if (local != &pool->common)
            heap_free(local);
    }
    check_free(pool->check);
    heap_free(pool);
}

/* Close a pool. From here on only late puts come: the pool has no number, and its biases stay revoked, so
 * they find it freed. */
static void pool_close(weir_pool *pool)
{
    lock_acquire(&pools.lock);
    pool_revoke(pool, REVOKE_FOR_EVER);
    strike(pool);
    pool_pend_all(pool);
    pool_sums_t sums = pool_sums(pool);
    pool->out = (int64_t)(sums.hits + pool->made - sums.puts);
    atomic_store_explicit(&pool->freed, true, memory_order_relaxed);
    lock_release(&pools.lock);
}

void weir_pool_free(weir_pool *pool)
{
    if (!pool)
        return;
    if (__atomic_load_n(&pool->dropper, __ATOMIC_RELAXED) == os_thread_word()) {
        misuse_report("pool freed by its own drop callback:", pool, 0, "weir_pool_free()");
        return;
    }
    pool_close(pool);
    pool_settle(pool);
    lock_acquire(&pools.lock);
    list_remove(&pools.closing, pool);
    pool->is_emptied = true;
    bool last = pool->out <= 0;
    lock_release(&pools.lock);
    if (last)
        pool_dispose(pool);
}
