/* live: see live.h. */
#include "arena/live.h"

#include <pthread.h>
#include <stdatomic.h>

#include "arena/arena.h"
#include "arena/quarantine.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/threads/fork.h"

enum { PARTS = 16 };

/* The locks have no rank because one thread may take them all, in this order. They come just before
 * LOCK_RANK_ARENAS: only locks of that rank and above are taken under them. */
static struct part {
    _Alignas(64) lock_t lock;
    arena_t *arenas;
} parts[PARTS];

void live_lock(void)
{
    for (size_t i = 0; i < PARTS; i++)
        lock_acquire(&parts[i].lock);
}

void live_unlock(void)
{
    for (size_t i = PARTS; i-- > 0;)
        lock_release(&parts[i].lock);
}

static bool before_fork(void)
{
    size_t taken = 0;
    while (taken < PARTS && lock_acquire_soon(&parts[taken].lock))
        taken++;
    if (taken == PARTS && arena_quarantine_before_fork())
        return true;
    while (taken > 0)
        lock_release(&parts[--taken].lock);
    return false;
}

static void after_fork(bool child)
{
    arena_quarantine_after_fork(child);
    for (size_t i = PARTS; i-- > 0;)
        lock_after_fork(&parts[i].lock, child);
}

static void call_at_fork(void)
{
    fork_call(LOCK_RANK_ARENAS, before_fork, after_fork);
}

void live_add(arena_t *arena)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, call_at_fork);
    arena->live.part = (uint32_t)(os_thread_word() >> 12) % PARTS;
    struct part *part = &parts[arena->live.part];
    lock_acquire(&part->lock);
    arena->live.prev = NULL;
    arena->live.next = part->arenas;
    if (part->arenas)
        part->arenas->live.prev = arena;
    part->arenas = arena;
    lock_release(&part->lock);
}

void live_remove(arena_t *arena)
{
    struct part *part = &parts[arena->live.part];
    lock_acquire(&part->lock);
    if (arena->live.prev)
        arena->live.prev->live.next = arena->live.next;
    else
        part->arenas = arena->live.next;
    if (arena->live.next)
        arena->live.next->live.prev = arena->live.prev;
    lock_release(&part->lock);
}

static void visit_blocks(const arena_t *arena, void (*range)(uintptr_t from, uintptr_t to))
{
    const arena_block_t *current = atomic_load_explicit(&arena->current, memory_order_acquire);
    bool is_behind = false;
    for (const arena_block_t *block = arena->first; block;
         block = atomic_load_explicit(&block->newer, memory_order_acquire)) {
        if (!is_behind || block->serial)
            range((uintptr_t)block->start, (uintptr_t)block->end);
        is_behind |= block == current;
    }
}

void arena_each_block(void (*range)(uintptr_t from, uintptr_t to))
{
    for (size_t i = 0; i < PARTS; i++)
        for (const arena_t *arena = parts[i].arenas; arena; arena = arena->live.next)
            if (arena->scanned) {
                roots_say_name(arena->owner.name);
                visit_blocks(arena, range);
            }
}

void live_provide_roots(void)
{
    static const roots_provider_t provider = {live_lock, arena_each_block, live_unlock};
    roots_provide(LOCK_RANK_ARENAS, &provider);
}
