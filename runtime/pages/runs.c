/* runs: see runs.h. */
#include "runtime/pages/runs.h"

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages_state.h"
#include "runtime/region/bits.h"
#include "runtime/region/extents.h"
#include "runtime/region/index.h"

static struct {
    uint32_t end; /* all chunks are below this one */
} runs = {.end = ZERO_ZONE / CHUNK_SIZE};

/* --- chunks --- */

void runs_add_chunk(void *memory, bool from_extents, uint64_t committed)
{
    uint32_t index = region_slot(memory) / CHUNK_SLOTS;
    region.chunks[index] =
        (chunk_t){.free = ~(uint64_t)0, .committed = committed, .from_extents = from_extents, .known = true};
    page_stats.slots += CHUNK_SLOTS;
    region_note_used(memory, CHUNK_SIZE);
    if (index >= runs.end)
        runs.end = index + 1;
    index_raise(index, INDEX_FREE, CHUNK_SLOTS);
}

/* The extent allocator may use the chunk for something else. Its touched pages count there from now on. */
void runs_put_chunk(uint32_t index)
{
    chunk_t *chunk = &region.chunks[index];
    size_t touched = region_touched(index * CHUNK_SLOTS, CHUNK_SLOTS);
    page_stats.pages_idle -= touched;
    atomic_fetch_sub_explicit(&page_stats.touched, touched, memory_order_relaxed);
    page_stats.huge_idle += touched * OS_PAGE;
    page_stats.slots -= CHUNK_SLOTS;
    page_stats.unused -= chunk->unused;
    *chunk = (chunk_t){.idle = chunk->idle};
    extents_give(region_address(index * CHUNK_SLOTS), CHUNK_SIZE);
}

/* What was committed before the kernel refuses stays committed. */
static bool commit_slots(uint32_t index, uint64_t slots)
{
    chunk_t *chunk = &region.chunks[index];
    uint64_t missing;
    while ((missing = slots & ~chunk->committed)) {
        uint32_t first = (uint32_t)__builtin_ctzll(missing);
        uint64_t run = bits_run_around(missing, first);
        if (!region_commit(region_address(index * CHUNK_SLOTS + first), (size_t)__builtin_popcountll(run)
                                                                            << SLOT_SHIFT))
            return false;
        chunk->committed |= run;
    }
    return true;
}

/* A chunk from the region itself is committed from the front, twice as much each time. */
bool runs_commit(uint32_t slot, uint32_t count)
{
    uint32_t index = slot / CHUNK_SLOTS, first = slot % CHUNK_SLOTS;
    chunk_t *chunk = &region.chunks[index];
    uint64_t slots = bits_run(first, count);
    if (LIKELY((slots & ~chunk->committed) == 0))
        return true;
    uint32_t end = first + count, twice = 2 * (uint32_t)__builtin_popcountll(chunk->committed);
    end = twice < end ? end : twice > CHUNK_SLOTS ? CHUNK_SLOTS : twice;
    return (!chunk->from_extents && commit_slots(index, bits_run(0, end))) || commit_slots(index, slots);
}

/* --- slots --- */

/* The slots of a chunk that this user may have, a bit each. */
static uint64_t bits_of(const chunk_t *chunk, enum runs_which which, bool is_small)
{
    uint64_t free = is_small ? chunk->free : chunk->free & ~chunk->small;
    if (which == RUNS_DIRTY)
        return free & chunk->dirty;
    if (which == RUNS_COMMITTED)
        return free & chunk->committed;
    return free;
}

/* Find a run of free slots in the chunks [from, to); 0: there is none. *hidden: the chunks have slots that
 * this user may not have. */
static uint32_t find_among(uint32_t from, uint32_t to, uint32_t count, size_t alignment,
                           enum runs_which which, bool is_small, bool *hidden)
{
    uint64_t aligned = alignment > 1 ? bits_multiples(alignment) : ~(uint64_t)0;
    size_t step = runs_chunk_alignment(alignment) / CHUNK_SIZE, chunk = (region_base >> CHUNK_SHIFT) + from;
    *hidden = false;
    for (size_t i = from + (-chunk & (step - 1)); i < to; i += step) {
        *hidden |= !is_small && region.chunks[i].small;
        uint64_t word = bits_of(&region.chunks[i], which, is_small);
        if (!word)
            continue;
        uint64_t starts = bits_starts(word, count) & aligned;
        if (starts)
            return (uint32_t)i * CHUNK_SLOTS + (uint32_t)__builtin_ctzll(starts);
    }
    return 0;
}

uint32_t runs_find(uint32_t count, size_t alignment, enum runs_which which, bool is_small)
{
    enum index_kind kind = which == RUNS_DIRTY ? INDEX_DIRTY : INDEX_FREE;
    for (uint32_t from = 0; from < runs.end; from += INDEX_CHUNKS) {
        uint32_t group = from / INDEX_CHUNKS, to = from + INDEX_CHUNKS;
        if (index_groups[group].longest[kind] < count)
            continue;
        bool hidden;
        uint32_t slot =
            find_among(from, to < runs.end ? to : runs.end, count, alignment, which, is_small, &hidden);
        if (slot)
            return slot;
        if (which != RUNS_COMMITTED && alignment <= 1 && !hidden)
            index_lower(group, kind, count);
    }
    return 0;
}

void runs_mark_taken(uint32_t slot, uint32_t count)
{
    chunk_t *chunk = &region.chunks[slot / CHUNK_SLOTS];
    uint64_t run = bits_run(slot % CHUNK_SLOTS, count);
    DEBUG_CHECK(chunk->known && (chunk->free & run) == run && (chunk->dirty & ~chunk->free) == 0);
    if (chunk->dirty & run) {
        page_stats.pages_idle -= region_touched(slot, count);
        chunk->dirty &= ~run;
    }
    chunk->free &= ~run;
    chunk->small &= ~run;
    page_stats.slots_inuse += count;
}

/* The slots `given` were set in `word`: raise the index for the runs that they are part of. */
static void raise(uint32_t index, enum index_kind kind, uint64_t word, uint64_t given)
{
    while (given) {
        uint64_t run = bits_run_around(word, (uint32_t)__builtin_ctzll(given));
        index_raise(index, kind, (uint32_t)__builtin_popcountll(run));
        given &= ~run;
    }
}

/* If the kernel refuses, the hollow pages count as touched again. */
size_t runs_release_hollow(uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    size_t hollow = (size_t)__builtin_popcount(span->hollow), resident = span->touched - hollow;
    span->hollow = 0;
    if (!os_release(span_start(span), SLOT_SIZE)) {
        atomic_fetch_add_explicit(&page_stats.touched, hollow, memory_order_relaxed);
        return 0;
    }
    atomic_fetch_sub_explicit(&page_stats.touched, resident, memory_order_relaxed);
    span->touched = 0;
    return resident;
}

void runs_give(uint32_t slot, uint32_t count)
{
    uint32_t index = slot / CHUNK_SLOTS;
    chunk_t *chunk = &region.chunks[index];
    uint64_t given = bits_run(slot % CHUNK_SLOTS, count), dirty = 0;
    DEBUG_CHECK(!(chunk->free & given));
    for (uint32_t i = 0; i < count; i++) {
        span_t *span = span_of_slot(slot + i);
        DEBUG_CHECK(!span->hollow);
        dirty |= (uint64_t)(span->touched > 0) << (slot + i) % CHUNK_SLOTS;
        page_stats.pages_idle += span->touched;
    }
    chunk->free |= given;
    chunk->dirty |= dirty;
    page_stats.slots_inuse -= count;
    raise(index, INDEX_FREE, chunk->free, given);
    raise(index, INDEX_DIRTY, chunk->dirty, dirty);
    if (dirty)
        index_set_idle(index);
    if (chunk->free == ~(uint64_t)0 && chunk->from_extents && chunk->committed == ~(uint64_t)0 &&
        page_stats.slots - page_stats.slots_inuse > 2 * CHUNK_SLOTS)
        runs_put_chunk(index);
}

/* --- what of a run is touched --- */

/* Count the pages of a large run as touched from the start: the program will write what it has asked for. */
void runs_touch(uint32_t slot, uint32_t count, size_t use)
{
    size_t added = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t part = use > SLOT_PAGES ? SLOT_PAGES : use;
        span_t *span = span_of_slot(slot + i);
        if (span->touched < part) {
            added += part - span->touched;
            span->touched = (uint8_t)part;
        }
        use -= part;
    }
    if (added)
        atomic_fetch_add_explicit(&page_stats.touched, added, memory_order_relaxed);
}

/* The bits of the huge page around a slot, in its chunk. */
static uint64_t page_bits(uint32_t slot)
{
    return bits_run(slot % CHUNK_SLOTS / HUGE_PAGE_SLOTS * HUGE_PAGE_SLOTS, HUGE_PAGE_SLOTS);
}

bool runs_begins_huge(uint32_t slot)
{
    uint64_t rest = page_bits(slot) & ~bits_run(slot % CHUNK_SLOTS, 1);
    return (region.chunks[slot / CHUNK_SLOTS].free & page_bits(slot)) == rest &&
           region_touched(slot / HUGE_PAGE_SLOTS * HUGE_PAGE_SLOTS, HUGE_PAGE_SLOTS) == 0;
}

bool runs_touch_huge(uint32_t slot, bool is_reserved)
{
    uint32_t index = slot / CHUNK_SLOTS, first = slot / HUGE_PAGE_SLOTS * HUGE_PAGE_SLOTS;
    chunk_t *chunk = &region.chunks[index];
    uint64_t rest = page_bits(slot) & ~bits_run(slot % CHUNK_SLOTS, 1);
    if (!runs_commit(first, HUGE_PAGE_SLOTS))
        return false;
    for (uint32_t i = 0; i < HUGE_PAGE_SLOTS; i++)
        span_of_slot(first + i)->touched = SLOT_PAGES;
    atomic_fetch_add_explicit(&page_stats.touched, HUGE_PAGE_SLOTS * SLOT_PAGES, memory_order_relaxed);
    page_stats.pages_idle += (HUGE_PAGE_SLOTS - 1) * SLOT_PAGES;
    chunk->dirty |= rest;
    chunk->small |= is_reserved ? rest : 0;
    raise(index, INDEX_DIRTY, chunk->dirty, rest);
    index_set_idle(index);
    return true;
}

void runs_forget(uint32_t slot, uint32_t count)
{
    atomic_fetch_sub_explicit(&page_stats.touched, region_forget_touched(slot, count), memory_order_relaxed);
}

/* --- verification --- */

static bool is_no_longer(uint64_t word, uint32_t longest)
{
    return longest >= CHUNK_SLOTS || !bits_starts(word, longest + 1);
}

/* Owners of spans write `touched` meanwhile, which is one byte: each value that it has is consistent. */
__attribute__((no_sanitize("thread"))) static void verify_chunk(uint32_t index, size_t *slots_free,
                                                                size_t *idle)
{
    const chunk_t *chunk = &region.chunks[index];
    const struct index_group *group = &index_groups[index / INDEX_CHUNKS];
    ALWAYS_CHECK((chunk->dirty & ~chunk->free) == 0 && (chunk->small & ~chunk->dirty) == 0);
    ALWAYS_CHECK((~chunk->committed & ~chunk->free) == 0 && (~chunk->committed & chunk->dirty) == 0);
    ALWAYS_CHECK(is_no_longer(chunk->free, group->longest[INDEX_FREE]));
    ALWAYS_CHECK(is_no_longer(chunk->dirty, group->longest[INDEX_DIRTY]));
    ALWAYS_CHECK(!chunk->dirty || (chunk->idle && group->idle));
    *slots_free += (size_t)__builtin_popcountll(chunk->free);
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
        bool dirty = chunk->dirty >> i & 1;
        uint8_t touched = span_of_slot(index * CHUNK_SLOTS + i)->touched;
        ALWAYS_CHECK(touched <= SLOT_PAGES);
        ALWAYS_CHECK(!(chunk->free >> i & 1) || dirty == (touched > 0));
        *idle += dirty ? touched : 0;
    }
}

void runs_verify(size_t *slots_free, size_t *idle)
{
    size_t slack = 0;
    for (uint32_t i = 0; i < runs.end; i++) {
        slack += region.chunks[i].slack;
        if (region.chunks[i].known)
            verify_chunk(i, slots_free, idle);
    }
    ALWAYS_CHECK(slack == page_stats.pages_slack);
}
