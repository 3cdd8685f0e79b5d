/* idle: see idle.h. */
#include "runtime/pages/idle.h"

#include "runtime/os/os.h"
#include "runtime/pages/held.h"
#include "runtime/pages/pages_state.h"
#include "runtime/pages/purge.h"
#include "runtime/policy/release.h"
#include "runtime/region/extents.h"
#include "runtime/region/region.h"

static struct {
    release_t rule;
    uint32_t next; /* the chunk to be counted next */
} idle = {.rule = RELEASE_INIT, .next = ZERO_ZONE / CHUNK_SIZE};

void idle_forget_learnt(void)
{
    release_forget(&idle.rule);
}

/* --- what is in spans but unused --- */

/* The bytes of a small span that are neither in used cells nor in hollow pages. Its owner may change the
 * counts meanwhile: each is read either before or after a change. */
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
    page_stats.unused += (size_t)bytes - region.chunks[index].unused;
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

/* --- the rule --- */

/* The tables are held beyond what is live, as idle memory is, but cannot be released. */
static size_t own_tables(void)
{
    return region_table_bytes() + atomic_load(&page_stats.metadata);
}

static release_sizes_t sizes_now(void)
{
    size_t inuse = held_inuse(), unused = page_stats.unused + atomic_load(&page_stats.spare);
    return (release_sizes_t){inuse, unused < inuse ? unused : inuse, held_idle() + own_tables()};
}

static void fade(void)
{
    release_fade(&idle.rule, held_inuse(), os_now_coarse_ns());
}

void idle_spare_peak(void)
{
    if (idle.rule.percent < 0 || held_idle() + held_inuse() <= idle.rule.highest || purge_is_busy())
        return;
    size_t idle_now = held_idle(), before = page_stats.released_pages;
    size_t excess = release_at_peak(&idle.rule, (release_sizes_t){held_inuse(), 0, idle_now});
    if (excess > 0 && purge_to(idle_now - excess)) {
        fade();
        release_note_given(&idle.rule, (page_stats.released_pages - before) * OS_PAGE);
    }
}

void idle_note_taken(size_t fresh)
{
    release_note_inuse(&idle.rule, held_inuse());
    if (fresh > 0 && idle.rule.given > 0) {
        fade();
        release_note_fresh(&idle.rule, fresh);
    }
}

/* Release what exceeds the rule, once. Other threads go on meanwhile and leave the releasing to this one, so
 * more may exceed the rule afterwards. False: nothing was released. */
static bool release_what_exceeds(void)
{
    if (idle.rule.learnt > 0)
        fade();
    release_sizes_t sizes = sizes_now();
    size_t excess = release_excess(&idle.rule, sizes), before = page_stats.released_pages;
    size_t idle_now = held_idle();
    if (excess == 0 || !purge_to(idle_now > excess ? idle_now - excess : 0))
        return false;
    fade();
    release_note_given(&idle.rule, (page_stats.released_pages - before) * OS_PAGE);
    return true;
}

/* To save time, cells are counted only if idle memory has reached half of the bound, and the clock is read
 * only if something was learnt or is released. */
void idle_apply_rule(void)
{
    if (idle.rule.percent < 0 || held_idle() <= release_floor(&idle.rule))
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
