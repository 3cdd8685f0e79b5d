/* origin: see origin.h. A free entry of the blocks' table ends a search, so removing an entry moves later
 * ones up into its place (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
 */
#include "runtime/profile/origin.h"

#include <string.h>

#include "runtime/config/options.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/sample.h"

enum { BLOCKS_FIRST = 4096, INDEX = 2 * ORIGIN_STACKS, COMMIT = 1 << 20 };

static struct {
    lock_t lock;
    origin_t *blocks; /* `room` of them, a power of two */
    size_t count, room;
    origin_stack_t *stacks; /* reserved for all; committed as they come */
    size_t stacks_committed;
    uint32_t *index; /* of stacks by hash; 0: free */
    uint32_t known;  /* number of stacks, stack 0 included */
    bool without;    /* there was no memory for the tables: no block has an origin any more */
} origins = {.lock = LOCK_INIT(LOCK_RANK_ORIGIN)};

void (*_Atomic origin_unwind)(origin_stack_t *stack);

/* --- stacks --- */

static void find_stack(origin_stack_t *stack, size_t size)
{
    static __thread sampler_t sampler;
    void (*unwind)(origin_stack_t *) = origin_unwind;
    stack->depth = 0;
    if (unwind && (!options.leakrate || sample_take(&sampler, size, (uint64_t)options.leakrate)))
        unwind(stack);
    uint64_t hash = stack->depth;
    for (uint32_t i = 0; i < stack->depth; i++)
        hash = (hash ^ stack->frames[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
    stack->hash = (uint32_t)(hash >> 8);
}

static bool is_same(const origin_stack_t *a, const origin_stack_t *b)
{
    return a->hash == b->hash && a->depth == b->depth &&
           memcmp(a->frames, b->frames, a->depth * sizeof *a->frames) == 0;
}

static void *take_entry(size_t bytes)
{
    void *memory = os_take(bytes);
    if (!memory)
        return NULL;
    atomic_fetch_add_explicit(&page_stats.metadata, bytes, memory_order_relaxed);
    return memory;
}

/* The stack's number; under the lock. */
static uint32_t intern(const origin_stack_t *stack)
{
    if (stack->depth == 0)
        return 0;
    uint32_t place = stack->hash % INDEX;
    for (; origins.index[place]; place = (place + 1) % INDEX)
        if (is_same(&origins.stacks[origins.index[place]], stack))
            return origins.index[place];
    uint32_t number = origins.known;
    size_t need = (number + 1) * sizeof *stack;
    if (number == ORIGIN_STACKS)
        return 0;
    if (need > origins.stacks_committed) {
        if (!os_commit((char *)origins.stacks + origins.stacks_committed, COMMIT))
            return 0;
        origins.stacks_committed += COMMIT;
        atomic_fetch_add_explicit(&page_stats.metadata, COMMIT, memory_order_relaxed);
    }
    origins.stacks[number] = *stack;
    origins.index[place] = number;
    origins.known++;
    return number;
}

const origin_stack_t *origin_stack(uint32_t number)
{
    return &origins.stacks[number];
}

/* --- blocks; under the lock --- */

static size_t home_of_origin(uintptr_t block)
{
    return (block >> 4) * 0x9e3779b97f4a7c15u >> 20 & (origins.room - 1);
}

/* Where the block is, or would be. */
static origin_t *place_of_origin(uintptr_t block)
{
    size_t place = home_of_origin(block);
    while (origins.blocks[place].block && origins.blocks[place].block != block)
        place = (place + 1) & (origins.room - 1);
    return &origins.blocks[place];
}

static void give_back_entry(origin_t *blocks, size_t room)
{
    os_unreserve(blocks, room * sizeof *blocks);
    atomic_fetch_sub_explicit(&page_stats.metadata, room * sizeof *blocks, memory_order_relaxed);
}

static bool grow_origins(void)
{
    origin_t *old = origins.blocks;
    size_t old_room = origins.room, room = old_room ? 2 * old_room : BLOCKS_FIRST;
    origin_t *blocks = take_entry(room * sizeof *blocks);
    if (!blocks)
        return false;
    origins.blocks = blocks;
    origins.room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].block)
            *place_of_origin(old[i].block) = old[i];
    if (old)
        give_back_entry(old, old_room);
    return true;
}

/* Room for one more block and its stack. */
static bool have_origin_room(void)
{
    if (!origins.stacks && !origins.without) {
        origins.index = take_entry(INDEX * sizeof *origins.index);
        origin_stack_t *stacks =
            os_reserve(((size_t)ORIGIN_STACKS * sizeof *stacks + COMMIT) & ~(size_t)(COMMIT - 1), OS_PAGE);
        origins.without = !origins.index || !stacks || !os_commit(stacks, COMMIT);
        origins.stacks_committed = COMMIT;
        origins.known = 1;
        origins.stacks = stacks;
    }
    if (!origins.without && 4 * (origins.count + 1) > 3 * origins.room)
        origins.without = !grow_origins();
    return !origins.without;
}

void origin_note(const void *p, size_t size)
{
    origin_stack_t stack;
    find_stack(&stack, size);
    lock_acquire(&origins.lock);
    if (have_origin_room()) {
        origin_t *entry = place_of_origin((uintptr_t)p);
        origins.count += entry->block == 0;
        *entry = (origin_t){.block = (uintptr_t)p, .size = size, .stack = intern(&stack)};
    }
    lock_release(&origins.lock);
}

static void remove_origin(size_t hole)
{
    size_t mask = origins.room - 1;
    for (size_t next = (hole + 1) & mask; origins.blocks[next].block; next = (next + 1) & mask)
        if (((next - home_of_origin(origins.blocks[next].block)) & mask) >= ((next - hole) & mask)) {
            origins.blocks[hole] = origins.blocks[next];
            hole = next;
        }
    origins.blocks[hole].block = 0;
    origins.count--;
}

void origin_forget(const void *p)
{
    lock_acquire(&origins.lock);
    if (origins.room) {
        const origin_t *entry = place_of_origin((uintptr_t)p);
        if (entry->block)
            remove_origin((size_t)(entry - origins.blocks));
    }
    lock_release(&origins.lock);
}

/* --- with the world stopped --- */

origin_t *origin_of(const void *p)
{
    origin_t *entry = origins.room ? place_of_origin((uintptr_t)p) : NULL;
    return entry && entry->block ? entry : NULL;
}

void origin_each(void (*visit)(origin_t *origin))
{
    for (size_t i = 0; i < origins.room; i++)
        if (origins.blocks[i].block)
            visit(&origins.blocks[i]);
}

/* --- fork --- */

bool origin_before_fork(void)
{
    return lock_acquire_soon(&origins.lock);
}

void origin_after_fork(bool child)
{
    lock_after_fork(&origins.lock, child);
}
