/* pages: see pages.h. The entry points for slots and metadata, which take the lock and call runs, idle, slack
 * and metadata. The other entry points are in pages_huge.c and pages_limit.c, the lock in pages_lock.c. */
#include "runtime/pages/pages.h"

#include <errno.h>
#include <string.h>

#include "runtime/config/options.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/commitment.h"
#include "runtime/pages/held.h"
#include "runtime/pages/huge_page.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/metadata.h"
#include "runtime/pages/pages_lock.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/runs.h"
#include "runtime/pages/runs_take.h"
#include "runtime/pages/slack.h"
#include "runtime/region/extents.h"

/* --- slots --- */

/* Slots were taken; `fresh` bytes of them do not count as held yet. */
static void note_slots(size_t fresh)
{
    idle_note_taken(fresh);
    held_raise_peak(held_bytes() + fresh);
}

/* One attempt; *refused: the hard limit refused it. */
static uint32_t try_take(uint32_t count, size_t use, size_t alignment, enum span_backing backing,
                         uint8_t *before, bool *refused)
{
    bool huge = false, is_small = backing == BACKED_BY_HUGE;
    enum runs_lack lack;
    lock_acquire(&pages_lock);
    size_t fresh = before ? use : 1; /* pages: a small span is charged as it is touched */
    uint32_t slot = runs_take(count, fresh, alignment, is_small, &lack);
    *refused = !slot && limit_refuses(fresh * OS_PAGE);
    if (!slot && !*refused) {
        slot = runs_take_new(count, fresh, alignment, is_small, &lack);
        *refused = !slot && lack == RUNS_NOT_ADMITTED && limit_refuses(fresh * OS_PAGE);
        if (!slot && lack == RUNS_NOT_ADMITTED && !*refused) /* less is held since */
            slot = runs_take(count, fresh, alignment, is_small, &lack);
    }
    if (slot) {
        for (uint32_t i = 0; before && i < count; i++)
            before[i] = span_of_slot(slot + i)->touched;
        size_t touched = region_touched(slot, count);
        page_stats.pages_inuse += use;
        huge = huge_page_begin(slot, backing);
        note_slots(huge ? OS_HUGE_PAGE : touched < use ? (use - touched) * OS_PAGE : 0);
        if (before) {
            runs_touch(slot, count, use);
            *span_bytes(span_of_slot(slot)) = use * OS_PAGE;
        }
        slack_count(slot, 0, slack_of(slot, count, use));
        idle_spare_peak();
    }
    lock_release(&pages_lock);
    if (huge)
        os_touch_huge(region_address(slot));
    return slot;
}

static uint32_t take(uint32_t count, size_t use, size_t alignment, enum span_backing backing, uint8_t *before)
{
    bool refused;
    uint32_t slot = try_take(count, use, alignment, backing, before, &refused);
    if (UNLIKELY(refused) && limit_ask_program(use * OS_PAGE))
        slot = try_take(count, use, alignment, backing, before, &refused);
    if (UNLIKELY(!slot))
        errno = ENOMEM;
    return slot;
}

uint32_t pages_take(uint32_t count, size_t use, size_t alignment, uint8_t *before)
{
    return take(count, use, alignment, BACKED_BY_SMALL, before);
}

uint32_t pages_take_span(enum span_backing backing)
{
    return take(1, SLOT_PAGES, 1, backing, NULL);
}

/* Count pages of small spans as touched. The lock is taken only if there is a limit that has to admit them.
 * `refused` is NULL if the caller can do without them. */
static bool try_touch(uint32_t pages, bool *refused)
{
    bool limited = pages_is_limited(), granted = true;
    if (refused)
        *refused = false;
    if (limited) {
        lock_acquire(&pages_lock);
        granted = limit_admit(pages * OS_PAGE);
        if (refused)
            *refused = !granted && limit_refuses(pages * OS_PAGE);
    }
    if (granted)
        atomic_fetch_add_explicit(&page_stats.touched, pages, memory_order_relaxed);
    if (limited)
        lock_release(&pages_lock);
    return granted;
}

bool pages_touch_inside(uint32_t pages)
{
    bool refused;
    if (try_touch(pages, &refused) ||
        (refused && limit_ask_program(pages * OS_PAGE) && try_touch(pages, &refused)))
        return true;
    errno = ENOMEM;
    return false;
}

bool pages_may_touch_inside(uint32_t pages)
{
    return try_touch(pages, NULL);
}

bool pages_touch(span_t *span, uint32_t pages)
{
    if (UNLIKELY(pages > span->touched)) {
        if (!pages_touch_inside(pages - span->touched))
            return false;
        span->touched = (uint8_t)pages;
    }
    return true;
}

/* The kernel is called without the lock, so that no other thread waits for it: the pages are the caller's. */
bool pages_release_inside(void *start, uint32_t pages)
{
    if (!os_release(start, pages * OS_PAGE))
        return false;
    lock_acquire(&pages_lock);
    atomic_fetch_sub_explicit(&page_stats.touched, pages, memory_order_relaxed);
    page_stats.releases++;
    page_stats.released_pages += pages;
    lock_release(&pages_lock);
    return true;
}

void pages_give(uint32_t slot, uint32_t count, size_t use)
{
    pages_give_without(slot, count, use, 0, false);
}

void pages_give_without(uint32_t slot, uint32_t count, size_t use, size_t gone, bool moved)
{
    size_t released = UNLIKELY(span_of_slot(slot)->hollow) ? runs_release_hollow(slot) : 0;
    lock_acquire(&pages_lock);
    page_stats.releases += released > 0;
    page_stats.released_pages += released;
    slack_count(slot, slack_of(slot, count, use), 0);
    page_stats.huge_moving -= moved ? gone : 0;
    runs_forget(slot, (uint32_t)(gone >> SLOT_SHIFT));
    runs_give(slot, count);
    page_stats.pages_inuse -= use;
    limit_fell();
    lock_release(&pages_lock);
}

void pages_give_uncommitted(uint32_t slot, uint32_t count, size_t use)
{
    lock_acquire(&pages_lock);
    slack_count(slot, slack_of(slot, count, use), 0);
    commitment_give_run(slot, count);
    page_stats.pages_inuse -= use;
    limit_fell();
    lock_release(&pages_lock);
}

bool pages_extend(uint32_t slot, uint32_t count, size_t use, uint32_t new_count, size_t new_use)
{
    lock_acquire(&pages_lock);
    bool granted = runs_extend(slot, count, new_count, new_use);
    if (granted) {
        size_t slack = slack_of(slot, count, use); /* the limit may have released it just now */
        size_t touched = region_touched(slot, new_count);
        page_stats.pages_inuse += new_use - use;
        note_slots(touched < new_use ? (new_use - touched) * OS_PAGE : 0);
        runs_touch(slot, new_count, new_use);
        *span_bytes(span_of_slot(slot)) = new_use * OS_PAGE;
        slack_count(slot, slack, slack_of(slot, new_count, new_use));
    }
    lock_release(&pages_lock);
    return granted;
}

void pages_shrink(uint32_t slot, uint32_t count, size_t use, uint32_t new_count, size_t new_use)
{
    lock_acquire(&pages_lock);
    size_t slack = slack_of(slot, count, use);
    if (count > new_count)
        runs_give(slot + new_count, count - new_count);
    slack_count(slot, slack, slack_of(slot, new_count, new_use));
    *span_bytes(span_of_slot(slot)) = new_use * OS_PAGE;
    page_stats.pages_inuse -= use - new_use;
    limit_fell();
    lock_release(&pages_lock);
}

/* --- commitment --- */

bool pages_make_room(void)
{
    lock_acquire(&pages_lock);
    bool made = commitment_make_room();
    lock_release(&pages_lock);
    return made;
}

/* --- metadata --- */

void *pages_metadata(size_t size)
{
    lock_acquire(&pages_lock);
    void *memory = metadata_take(size);
    lock_release(&pages_lock);
    return memory;
}

void *pages_grown(const void *array, size_t *room, size_t first, size_t size)
{
    size_t more = *room ? 2 * *room : first;
    void *grown = pages_metadata(more * size);
    if (!grown)
        return NULL;
    if (*room)
        memcpy(grown, array, *room * size);
    *room = more;
    return grown;
}

/* --- giving back --- */

bool pages_trim(size_t keep)
{
    lock_acquire(&pages_lock);
    purge_retry();
    bool released = purge_to(keep);
    released |= slack_release();
    lock_release(&pages_lock);
    return released;
}

void pages_apply_rule(void)
{
    lock_acquire(&pages_lock);
    idle_apply_rule();
    lock_release(&pages_lock);
}

/* --- start, threads, checks --- */

size_t pages_extents_metadata(void)
{
    lock_acquire(&pages_lock);
    size_t bytes = extents_metadata_bytes();
    lock_release(&pages_lock);
    return bytes;
}

bool pages_init(void)
{
    os_require_pages();
    extents_init();
    return region_init() && runs_init();
}

void pages_thread_end(void)
{
    if (!extents_knows_thread())
        return;
    lock_acquire(&pages_lock);
    extents_thread_end();
    lock_release(&pages_lock);
}

void pages_verify(void)
{
    size_t slots_free = 0, idle = 0;
    lock_acquire(&pages_lock);
    runs_verify(&slots_free, &idle);
    ALWAYS_CHECK(slots_free + page_stats.slots_inuse + commitment_held_slots() == page_stats.slots);
    ALWAYS_CHECK(idle == page_stats.pages_idle);
    ALWAYS_CHECK(page_stats.touched <=
                 page_stats.pages_inuse + page_stats.pages_idle + page_stats.pages_slack);
    lock_release(&pages_lock);
}
