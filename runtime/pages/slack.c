/* slack: see slack.h. */
#include "runtime/pages/slack.h"

#include "runtime/os/os.h"
#include "runtime/pages/pages_lock.h"
#include "runtime/pages/pages_state.h"
#include "runtime/pages/purge.h"
#include "runtime/region/index.h"

static struct {
    uint32_t round; /* the round of attempts for which the groups' flags hold */
    uint64_t searches;
} slack;

size_t slack_of(uint32_t slot, uint32_t count, size_t use)
{
    size_t touched = region_touched(slot, count);
    return touched > use ? touched - use : 0;
}

void slack_count(uint32_t slot, size_t before, size_t now)
{
    uint32_t chunk = slot / CHUNK_SLOTS;
    page_stats.pages_slack += now - before;
    region.chunks[chunk].slack += (uint32_t)(now - before);
    index_groups[chunk / INDEX_CHUNKS].slack |= now > 0;
}

/* How many slots has the large object that begins in this slot? 0: none begins here. *last: how many pages of
 * its last slot are in use. Its size changes only under the lock (span_bytes). A slot that is becoming a
 * small span meanwhile is no large object either before or after. */
__attribute__((no_sanitize("thread"))) static uint32_t large_extent(uint32_t slot, size_t *last)
{
    span_t *span = span_of_slot(slot);
    if (span->state != SPAN_LARGE)
        return 0;
    size_t use = *span_bytes(span) / OS_PAGE;
    uint32_t count = (uint32_t)((use + SLOT_PAGES - 1) / SLOT_PAGES);
    *last = use - (size_t)(count - 1) * SLOT_PAGES;
    return count;
}

/* Release the pages after the end of the object that uses the first `use` pages of this slot. */
static bool release_tail(uint32_t slot, size_t use)
{
    span_t *span = span_of_slot(slot);
    size_t tail = span->touched > use ? span->touched - use : 0;
    if (tail == 0)
        return false;
    if (!os_release(span_start(span) + use * OS_PAGE, tail * OS_PAGE)) {
        region.chunks[slot / CHUNK_SLOTS].slack_round = purge_round() + 1;
        return false;
    }
    span->touched = (uint8_t)use;
    atomic_fetch_sub_explicit(&page_stats.touched, tail, memory_order_relaxed);
    slack_count(slot, tail, 0);
    page_stats.releases++;
    page_stats.released_pages += tail;
    return true;
}

/* Has the chunk slack, and was nothing in it refused in this round? */
static bool is_worth_a_search(const chunk_t *chunk)
{
    return chunk->slack > 0 && chunk->slack_round != purge_round() + 1;
}

/* The size of an object that is just being made is not known yet: then the chunk stays worth a search. */
static bool search_chunk(uint32_t chunk)
{
    bool released = false;
    slack.searches++;
    for (uint32_t slot = chunk * CHUNK_SLOTS, end = slot + CHUNK_SLOTS; slot < end; slot++) {
        size_t last;
        if (pages_lock_breathe())
            purge_note_turn();
        uint32_t count = region.chunks[chunk].known ? large_extent(slot, &last) : 0;
        if (count == 0)
            continue;
        slot += count - 1;
        released |= release_tail(slot, last);
    }
    return released;
}

static uint32_t chunks(void)
{
    return (uint32_t)(region.used >> CHUNK_SHIFT);
}

static bool search_group(uint32_t group)
{
    bool released = false, rest = false;
    uint32_t first = group * INDEX_CHUNKS, end = first + INDEX_CHUNKS;
    for (uint32_t chunk = first; chunk < end && chunk < chunks(); chunk++) {
        if (is_worth_a_search(&region.chunks[chunk]))
            released |= search_chunk(chunk);
        rest |= is_worth_a_search(&region.chunks[chunk]);
    }
    index_groups[group].slack = rest;
    return released;
}

static uint32_t groups(void)
{
    return (chunks() + INDEX_CHUNKS - 1) / INDEX_CHUNKS;
}

static void begin_round(void)
{
    slack.round = purge_round();
    for (uint32_t group = 0; group < groups(); group++)
        index_groups[group].slack = true;
}

bool slack_release(void)
{
    bool released = false;
    if (slack.round != purge_round())
        begin_round();
    for (uint32_t group = 0; group < groups() && page_stats.pages_slack; group++)
        if (index_groups[group].slack)
            released |= search_group(group);
    return released;
}

uint64_t slack_searches(void)
{
    return slack.searches;
}
