/* idle: see idle.h. */
#include "runtime/pages/idle.h"

#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/release.h"
#include "runtime/region/extents.h"

static struct {
    release_t rule;
    size_t unused; /* the sum of chunk->unused */
    uint32_t next; /* the chunk to be counted next */
    size_t peak_held;
} idle = {.rule = RELEASE_INIT, .next = ZERO_ZONE / CHUNK_SIZE};

/* --- what is held --- */

size_t idle_bytes(void)
{
    return page_stats.pages_idle * OS_PAGE + page_stats.huge_idle;
}

size_t idle_inuse_bytes(void)
{
    return page_stats.pages_inuse * OS_PAGE + page_stats.huge_inuse;
}

size_t idle_held_bytes(void)
{
    return atomic_load(&page_stats.touched) * OS_PAGE + page_stats.huge_inuse - page_stats.huge_moving +
           page_stats.huge_idle + region_table_bytes() + atomic_load(&page_stats.metadata);
}

static void raise_peak(size_t held)
{
    if (held > idle.peak_held)
        idle.peak_held = held;
}

size_t idle_peak_held_bytes(bool reset)
{
    if (reset)
        idle.peak_held = 0;
    raise_peak(idle_held_bytes());
    return idle.peak_held;
}

/* --- releasing --- */

/* The extent allocator purges all that it has, so no other thread may be at it. */
bool idle_give_up_commitment(void)
{
    purge_await(region_address(0), region.used);
    size_t decommits = extents_decommits(), purged = extents_purge(true);
    page_stats.huge_idle -= purged;
    page_stats.released_pages += purged / OS_PAGE;
    page_stats.releases += purged > 0;
    return extents_decommits() != decommits;
}

void idle_forget_learnt(void)
{
    release_forget(&idle.rule);
}

/* --- what is in spans and in no use --- */

/* Their owners count meanwhile: each number is read whole, before or after. */
__attribute__((no_sanitize("thread"))) static size_t unused_of(const span_t *span)
{
    bool is_small = span->state == SPAN_ACTIVE || span->state == SPAN_PARTIAL || span->state == SPAN_FULL;
    size_t hollow = UNLIKELY(span->hollow) ? (size_t)__builtin_popcount(span->hollow) : 0;
    size_t used =
        (size_t)(uint32_t)(span->frees_until_event + span->used_base) * span->cell_size + hollow * OS_PAGE;
    return is_small && used < SLOT_SIZE ? SLOT_SIZE - used : 0;
}

static void set_unused(uint32_t index, uint32_t bytes)
{
    idle.unused += (size_t)bytes - region.chunks[index].unused;
    region.chunks[index].unused = bytes;
}

/* Count the next chunk. False: that was the last of a round. */
static bool count_on(void)
{
    if (idle.next >= region.used >> CHUNK_SHIFT) {
        idle.next = ZERO_ZONE / CHUNK_SIZE;
        return false;
    }
    size_t unused = 0;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        unused += unused_of(span_of_slot(idle.next * CHUNK_SLOTS + i));
    set_unused(idle.next++, (uint32_t)unused);
    return true;
}

static void count_all(void)
{
    idle.next = ZERO_ZONE / CHUNK_SIZE;
    while (count_on())
        ;
}

void idle_forget_chunk(uint32_t index)
{
    set_unused(index, 0);
}

/* --- the rule --- */

/* Beyond live as well, and not to be released. */
static size_t own_tables(void)
{
    return region_table_bytes() + atomic_load(&page_stats.metadata);
}

static release_sizes_t sizes_now(void)
{
    size_t inuse = idle_inuse_bytes(), unused = idle.unused + atomic_load(&page_stats.spare);
    return (release_sizes_t){inuse, unused < inuse ? unused : inuse, idle_bytes() + own_tables()};
}

static void fade(void)
{
    release_fade(&idle.rule, idle_inuse_bytes(), os_now_coarse_ns());
}

void idle_spare_peak(void)
{
    if (idle.rule.percent < 0 || idle_bytes() + idle_inuse_bytes() <= idle.rule.highest || purge_is_busy())
        return;
    size_t excess = release_at_peak(&idle.rule, sizes_now()), before = page_stats.released_pages;
    size_t idle_now = idle_bytes();
    if (excess > 0 && purge_to(idle_now > excess ? idle_now - excess : 0)) {
        fade();
        release_note_given(&idle.rule, (page_stats.released_pages - before) * OS_PAGE);
    }
}

void idle_note_taken(size_t fresh)
{
    release_note_inuse(&idle.rule, idle_inuse_bytes());
    raise_peak(idle_held_bytes() + fresh);
    if (fresh > 0 && idle.rule.given > 0) {
        fade();
        release_note_fresh(&idle.rule, fresh);
    }
}

/* More may exceed it afterwards: others go on meanwhile, and leave it to this thread. */
static bool release_what_exceeds(void)
{
    if (idle.rule.learnt > 0)
        fade();
    release_sizes_t sizes = sizes_now();
    size_t excess = release_excess(&idle.rule, sizes), before = page_stats.released_pages;
    size_t idle_now = idle_bytes();
    if (excess == 0 || !purge_to(idle_now > excess ? idle_now - excess : 0))
        return false;
    fade();
    release_note_given(&idle.rule, (page_stats.released_pages - before) * OS_PAGE);
    return true;
}

/* Counting is left to when the bound is not far, and looking at the clock to when something was learnt or is
 * released. */
void idle_apply_rule(void)
{
    if (idle.rule.percent < 0 || idle_bytes() <= release_floor(&idle.rule))
        return;
    release_sizes_t sizes = sizes_now();
    if (sizes.idle > release_bound(&idle.rule, sizes.inuse, sizes.unused) / 2)
        count_on();
    while (!purge_is_busy() && release_what_exceeds())
        ;
}

int64_t idle_gc_percent(void)
{
    return idle.rule.percent;
}

void idle_set_gc_percent(int64_t percent)
{
    idle.rule.percent = percent;
    count_all();
    idle_apply_rule();
}
