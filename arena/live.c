/* live: see live.h. */
#include "arena/live.h"

#include <pthread.h>
#include <stdatomic.h>

#include "arena/arena.h"
#include "arena/grave.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"

enum { PARTS = 16 };

/* The locks have no rank because one thread takes them all, in this order; nothing else is taken under one. */
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

static void before_fork(void)
{
    live_lock();
    grave_before_fork();
}

static void after_fork_parent(void)
{
    grave_after_fork(false);
    live_unlock();
}

static void after_fork_child(void)
{
    grave_after_fork(true);
    for (size_t i = 0; i < PARTS; i++)
        lock_reset(&parts[i].lock);
}

/* After the heap's, which has started by now: so these are prepared first, as the order of locks wants it. */
static void call_at_fork(void)
{
    os_call_at_fork(before_fork, after_fork_parent, after_fork_child);
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

static void visit_blocks(const arena_t *arena, void (*visit)(void *context, char *start, char *end),
                         void *context)
{
    const block_t *current = atomic_load_explicit(&arena->current, memory_order_acquire);
    bool is_behind = false;
    for (const block_t *block = arena->first; block;
         block = atomic_load_explicit(&block->newer, memory_order_acquire)) {
        if (!is_behind || block->serial)
            visit(context, block->start, block->end);
        is_behind |= block == current;
    }
}

void arena_each_block(void (*visit)(void *context, char *start, char *end), void *context)
{
    for (size_t i = 0; i < PARTS; i++)
        for (const arena_t *arena = parts[i].arenas; arena; arena = arena->live.next)
            visit_blocks(arena, visit, context);
}
