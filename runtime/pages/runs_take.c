/* runs_take: see runs_take.h. */
#include "runtime/pages/runs_take.h"

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/commitment.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/pages_state.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/runs.h"
#include "runtime/region/bits.h"
#include "runtime/region/extents.h"
#include "runtime/region/index.h"

/* Waking the extent allocator costs about 0.2 MiB: a program of many classes and few objects should not have
 * to. */
enum { DIRECT_CHUNKS = 8 };
enum { FIRST_COMMIT = 4 /* slots */ };

/* The memory of a chunk from the extent allocator may have been used before: count its touched pages here
 * from now on. */
static void chunk_take_touched(uint32_t index)
{
    size_t touched = region_touched(index * CHUNK_SLOTS, CHUNK_SLOTS);
    region.chunks[index].dirty = region_dirty(index);
    if (touched) {
        index_raise(index, INDEX_DIRTY, CHUNK_SLOTS);
        index_set_idle(index);
    }
    page_stats.huge_idle -= touched * OS_PAGE;
    page_stats.pages_idle += touched;
    atomic_fetch_add_explicit(&page_stats.touched, touched, memory_order_relaxed);
}

/* Carve a chunk from the region itself. It is never given back. */
static bool chunk_carve(size_t alignment)
{
    void *memory = region_carve(CHUNK_SIZE, alignment, FIRST_COMMIT * SLOT_SIZE);
    if (memory)
        runs_add_chunk(memory, false, bits_run(0, FIRST_COMMIT));
    return memory != NULL;
}

static bool chunk_get(size_t alignment)
{
    void *memory = purge_take_provided(CHUNK_SIZE, alignment);
    if (!memory)
        return false;
    runs_add_chunk(memory, true, ~(uint64_t)0);
    chunk_take_touched(region_slot(memory) / CHUNK_SLOTS);
    return true;
}

/* The pages of a run that using its first `use` pages would make resident. If the lock was given up since the
 * run was found, it may belong to another thread, which writes there. Then any value will do, because the run
 * is looked for again. */
__attribute__((no_sanitize("thread"))) static size_t untouched(uint32_t slot, uint32_t count, size_t use)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < count && use > 0; i++) {
        size_t part = use > SLOT_PAGES ? SLOT_PAGES : use, touched = span_of_slot(slot + i)->touched;
        sum += part > touched ? part - touched : 0;
        use -= part;
    }
    return sum;
}

/* Does the limit admit the run? To make room it may release pages of this very run, which then needs more: so
 * it is asked again. */
static bool admit_run(uint32_t slot, uint32_t count, size_t use)
{
    size_t fresh, before;
    fresh = untouched(slot, count, use);
    do {
        before = fresh;
        if (!limit_admit(before * OS_PAGE))
            return false;
        fresh = untouched(slot, count, use);
    } while (fresh > before);
    return true;
}

uint32_t runs_take(uint32_t count, size_t use, size_t alignment, bool is_small, enum runs_lack *lack)
{
    uint32_t slot;
    uint64_t turns;
    do { /* again, if the lock was given up since the run was found */
        turns = purge_turns();
        slot = page_stats.pages_idle ? runs_find(count, alignment, RUNS_DIRTY, is_small) : 0;
        if (!slot)
            slot = runs_find(count, alignment, RUNS_ANY, is_small);
        if (!(slot ? admit_run(slot, count, use) : limit_admit(use * OS_PAGE))) {
            *lack = RUNS_NOT_ADMITTED;
            return 0;
        }
    } while (purge_turns() != turns);
    *lack = slot ? RUNS_NOT_COMMITTED : RUNS_FULL;
    if (slot && !runs_commit(slot, count))
        slot = runs_find(count, alignment, RUNS_COMMITTED, is_small);
    if (slot)
        runs_mark_taken(slot, count);
    return slot;
}

/* A request that finds the direct chunks full wakes the extent allocator; so does one that needs a chunk of a
 * larger alignment, because the extent allocator can use the addresses that are skipped. `carve`: a chunk
 * from the region, of which only the first slots are committed, would be of use, too. */
static void more_room(size_t alignment, bool carve)
{
    bool direct =
        !extents_is_awake() && page_stats.slots < DIRECT_CHUNKS * CHUNK_SLOTS && alignment == CHUNK_SIZE;
    if ((!carve || !direct) && extents_wake() && chunk_get(alignment))
        return;
    if (carve)
        chunk_carve(alignment);
}

/* Commitment is given up once: if that does not help, all of it is in use. It never helps against the limit,
 * which counts what is touched. */
uint32_t runs_take_new(uint32_t count, size_t use, size_t alignment, bool is_small, enum runs_lack *lack)
{
    for (bool has_given_up = false;; has_given_up = true) {
        uint64_t turns;
        uint32_t slot;
        do { /* others may take what came, while the lock is given up */
            turns = purge_turns();
            more_room(runs_chunk_alignment(alignment), *lack == RUNS_FULL);
            slot = runs_take(count, use, alignment, is_small, lack);
            if (slot || *lack == RUNS_NOT_ADMITTED)
                return slot;
        } while (purge_turns() != turns);
        if (has_given_up || !commitment_make_room())
            return 0;
    }
}

bool runs_extend(uint32_t slot, uint32_t count, uint32_t new_count, size_t new_use)
{
    uint32_t more = new_count - count, next = slot + count;
    if (slot % CHUNK_SLOTS + new_count > CHUNK_SLOTS)
        return false;
    uint64_t run = more ? bits_run(next % CHUNK_SLOTS, more) : 0, turns;
    chunk_t *chunk = &region.chunks[slot / CHUNK_SLOTS];
    do {
        turns = purge_turns();
        if ((chunk->free & run) != run || !admit_run(slot, new_count, new_use))
            return false;
    } while (purge_turns() != turns);
    if (!runs_commit(slot, new_count))
        return false;
    if (more)
        runs_mark_taken(next, more);
    return true;
}

bool runs_init(void)
{
    return chunk_carve(CHUNK_SIZE);
}
