/* commitment: see commitment.h. The extent allocator treats its memory as committed until it purges it. So a
 * chunk that is committed in part is decommitted as a whole before it goes to the extent allocator. And the
 * extent allocator purges at once after it got a decommitted huge object: otherwise it would hand the object
 * out as committed. */
#include "runtime/pages/commitment.h"

#include "runtime/pages/idle.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/pages_state.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/runs.h"
#include "runtime/region/bits.h"
#include "runtime/region/extents.h"

/* The last run that was given back. It is not handed out before another one is given back: so code that still
 * uses the former block faults. Its slots count neither as free nor as in use. */
static struct {
    uint32_t slot, count; /* 0: none */
} held;

/* Hand the withheld run back for reuse. False: there is none. */
static bool let_go(void)
{
    uint32_t slot = held.slot, count = held.count;
    if (!count)
        return false;
    held.count = 0;
    page_stats.slots_inuse += count;
    region.chunks[slot / CHUNK_SLOTS].committed &= ~bits_run(slot % CHUNK_SLOTS, count);
    runs_give(slot, count);
    return true;
}

void commitment_give_run(uint32_t slot, uint32_t count)
{
    runs_forget(slot, count);
    let_go();
    held.slot = slot;
    held.count = count;
    page_stats.slots_inuse -= count;
}

size_t commitment_held_slots(void)
{
    return held.count;
}

/* Decommit a chunk whose slots are all free. False: the kernel refused. */
static bool chunk_decommit(uint32_t index)
{
    chunk_t *chunk = &region.chunks[index];
    if (!region_decommit(region_address(index * CHUNK_SLOTS), CHUNK_SIZE))
        return false;
    page_stats.pages_idle -= region_touched(index * CHUNK_SLOTS, CHUNK_SLOTS);
    runs_forget(index * CHUNK_SLOTS, CHUNK_SLOTS);
    chunk->committed = chunk->dirty = chunk->small = 0;
    return true;
}

/* Decommit the chunks whose slots are all free. Some of them go to the extent allocator instead, which
 * decommits them when it purges. True: some were decommitted here. */
static bool give_up_chunks(void)
{
    bool any = false;
    for (uint32_t i = 0; i < region.used >> CHUNK_SHIFT; i++) {
        const chunk_t *chunk = &region.chunks[i];
        if (!chunk->known || chunk->free != ~(uint64_t)0)
            continue;
        if (!chunk->from_extents)
            any |= chunk->committed && chunk_decommit(i);
        else if (chunk->committed == ~(uint64_t)0 || chunk_decommit(i))
            runs_put_chunk(i);
    }
    return any;
}

bool commitment_make_room(void)
{
    idle_forget_learnt();
    purge_await(region_address(0), region.used);
    bool any = let_go();
    any |= give_up_chunks();
    return purge_give_up_commitment() || any;
}

void commitment_give_huge(void *memory, size_t size)
{
    purge_await(region_address(0), region.used);
    extents_give(memory, size);
    page_stats.huge_inuse -= size;
    page_stats.huge_count--;
    purge_give_up_commitment();
    limit_fell();
}
