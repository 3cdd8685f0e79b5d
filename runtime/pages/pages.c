/* pages: see pages.h. The lock, the page statistics, and the entry points; what they do is in runs, huge, limit, idle
 * and metadata. */
#include "runtime/pages/pages.h"

#include <errno.h>
#include <string.h>

#include "runtime/os/check.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/pages/commitment.h"
#include "runtime/pages/extents.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/metadata.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/runs.h"
#include "runtime/pages/slack.h"

page_stats_t page_stats;

static lock_t lock = LOCK_INIT(LOCK_RANK_PAGES);

/* The thread stays in a section all the while: a stop of the world waits for it. */
void pages_lock_pause(void)
{
    lock_section_begin(&lock);
    lock_release(&lock);
}

void pages_lock_resume(void)
{
    lock_acquire(&lock);
    lock_section_end(&lock);
}

bool pages_lock_breathe(void)
{
    if (LIKELY(!lock_is_wanted(&lock)))
        return false;
    pages_lock_pause();
    os_yield();
    pages_lock_resume();
    return true;
}

/* --- slots --- */

/* Huge pages pay for spans of small cells in a heap that has grown: 2 MiB are at most a twelfth of it, and
 * are soon used up. Not where the rule would give them back at once, and not near a limit. */
static bool wants_huge(void)
{
    enum { LARGE_MIN = 24 * 1024 * 1024, ROOM_MIN = 32 * 1024 * 1024, PERCENT_MIN = 50 };
    int64_t percent = idle_gc_percent();
    return idle_inuse_bytes() >= LARGE_MIN && (percent < 0 || percent >= PERCENT_MIN) && options.hugepages &&
           limit_has_room(ROOM_MIN);
}

/* One attempt; *refused: by the hard limit. */
static uint32_t try_take(uint32_t count, size_t use, size_t alignment, bool is_full, uint8_t *before,
                         bool *refused)
{
    bool full, huge = false;
    lock_acquire(&lock);
    size_t fresh = before ? use : 1; /* pages: a small span is charged as it is touched */
    uint32_t slot = runs_take(count, fresh, alignment, is_full, &full);
    *refused = !slot && limit_refuses(fresh * OS_PAGE);
    if (!slot && !*refused)
        slot = runs_take_new(count, fresh, alignment, is_full, full);
    if (slot) {
        for (uint32_t i = 0; before && i < count; i++)
            before[i] = span_of_slot(slot + i)->touched;
        size_t touched = region_touched(slot, count);
        page_stats.pages_inuse += use;
        huge = is_full && wants_huge() && runs_touch_huge(slot, count);
        idle_note_taken(huge ? OS_HUGE_PAGE : touched < use ? (use - touched) * OS_PAGE : 0);
        if (before) {
            runs_touch(slot, count, use);
            *span_bytes(span_of_slot(slot)) = use * OS_PAGE;
        }
        slack_count(slot, 0, slack_of(slot, count, use));
        idle_spare_peak();
    }
    lock_release(&lock);
    if (huge)
        os_touch_huge(region_address(slot));
    return slot;
}

static uint32_t take(uint32_t count, size_t use, size_t alignment, bool is_full, uint8_t *before)
{
    bool refused;
    uint32_t slot = try_take(count, use, alignment, is_full, before, &refused);
    if (UNLIKELY(refused) && limit_ask_program(use * OS_PAGE))
        slot = try_take(count, use, alignment, is_full, before, &refused);
    if (UNLIKELY(!slot))
        errno = ENOMEM;
    return slot;
}

uint32_t pages_take(uint32_t count, size_t use, size_t alignment, uint8_t *before)
{
    return take(count, use, alignment, false, before);
}

uint32_t pages_take_span(bool is_full)
{
    return take(1, SLOT_PAGES, 1, is_full, NULL);
}

/* Count pages of small spans as touched. Without a limit no rule needs it: then the owner does it without the
 * lock. */
static bool try_touch(uint32_t pages, bool *refused)
{
    bool limited = pages_is_limited(), granted = true;
    *refused = false;
    if (limited) {
        lock_acquire(&lock);
        granted = limit_admit(pages * OS_PAGE);
        *refused = !granted && limit_refuses(pages * OS_PAGE);
    }
    if (granted)
        atomic_fetch_add_explicit(&page_stats.touched, pages, memory_order_relaxed);
    if (limited)
        lock_release(&lock);
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

bool pages_touch(span_t *span, uint32_t pages)
{
    if (UNLIKELY(pages > span->touched)) {
        if (!pages_touch_inside(pages - span->touched))
            return false;
        span->touched = (uint8_t)pages;
    }
    return true;
}

/* No other thread waits for the kernel: the pages are the caller's. */
bool pages_release_inside(void *start, uint32_t pages)
{
    if (!os_release(start, pages * OS_PAGE))
        return false;
    lock_acquire(&lock);
    atomic_fetch_sub_explicit(&page_stats.touched, pages, memory_order_relaxed);
    page_stats.releases++;
    page_stats.released_pages += pages;
    lock_release(&lock);
    return true;
}

void pages_give(uint32_t slot, uint32_t count, size_t use)
{
    pages_give_without(slot, count, use, 0, false);
}

void pages_give_without(uint32_t slot, uint32_t count, size_t use, size_t gone, bool moved)
{
    size_t released = UNLIKELY(span_of_slot(slot)->hollow) ? runs_release_hollow(slot) : 0;
    lock_acquire(&lock);
    page_stats.releases += released > 0;
    page_stats.released_pages += released;
    slack_count(slot, slack_of(slot, count, use), 0);
    page_stats.huge_moving -= moved ? gone : 0;
    runs_forget(slot, (uint32_t)(gone >> SLOT_SHIFT));
    runs_give(slot, count);
    page_stats.pages_inuse -= use;
    limit_fell();
    lock_release(&lock);
}

void pages_give_uncommitted(uint32_t slot, uint32_t count, size_t use)
{
    lock_acquire(&lock);
    slack_count(slot, slack_of(slot, count, use), 0);
    commitment_give_run(slot, count);
    page_stats.pages_inuse -= use;
    limit_fell();
    lock_release(&lock);
}

bool pages_extend(uint32_t slot, uint32_t count, size_t use, uint32_t new_count, size_t new_use)
{
    lock_acquire(&lock);
    bool granted = runs_extend(slot, count, new_count, new_use);
    if (granted) {
        size_t slack = slack_of(slot, count, use); /* the limit may have released it just now */
        size_t touched = region_touched(slot, new_count);
        page_stats.pages_inuse += new_use - use;
        idle_note_taken(touched < new_use ? (new_use - touched) * OS_PAGE : 0);
        runs_touch(slot, new_count, new_use);
        *span_bytes(span_of_slot(slot)) = new_use * OS_PAGE;
        slack_count(slot, slack, slack_of(slot, new_count, new_use));
    }
    lock_release(&lock);
    return granted;
}

void pages_shrink(uint32_t slot, uint32_t count, size_t use, uint32_t new_count, size_t new_use)
{
    lock_acquire(&lock);
    size_t slack = slack_of(slot, count, use);
    if (count > new_count)
        runs_give(slot + new_count, count - new_count);
    slack_count(slot, slack, slack_of(slot, new_count, new_use));
    *span_bytes(span_of_slot(slot)) = new_use * OS_PAGE;
    page_stats.pages_inuse -= use - new_use;
    limit_fell();
    lock_release(&lock);
}

/* --- huge objects --- */

static void *take_huge(size_t *size, size_t alignment, bool zeroed, size_t moved, bool *refused)
{
    lock_acquire(&lock);
    void *memory = huge_take(size, alignment, zeroed, moved, refused);
    lock_release(&lock);
    if (memory && zeroed)
        huge_clear(memory, *size);
    return memory;
}

static void *take_huge_or_ask(size_t *size, size_t alignment, bool zeroed, size_t moved)
{
    bool refused;
    alignment = alignment < SLOT_SIZE ? SLOT_SIZE : alignment;
    void *memory = take_huge(size, alignment, zeroed, moved, &refused);
    if (UNLIKELY(refused) && limit_ask_program(*size))
        memory = take_huge(size, alignment, zeroed, moved, &refused);
    if (!memory)
        errno = ENOMEM;
    return memory;
}

void *pages_take_huge(size_t *size, size_t alignment, bool zeroed)
{
    return take_huge_or_ask(size, alignment, zeroed, 0);
}

void *pages_take_huge_to_move(size_t *size, size_t moved)
{
    return take_huge_or_ask(size, SLOT_SIZE, false, moved);
}

bool pages_not_moved(size_t moved)
{
    lock_acquire(&lock);
    bool granted = limit_admit(moved);
    page_stats.huge_moving -= moved;
    lock_release(&lock);
    return granted;
}

void pages_give_huge(void *memory, size_t size)
{
    lock_acquire(&lock);
    huge_give(memory, size, 0);
    lock_release(&lock);
}

void pages_give_huge_without(void *memory, size_t size, size_t gone, bool moved)
{
    lock_acquire(&lock);
    page_stats.huge_moving -= moved ? gone : 0;
    huge_give(memory, size, gone);
    lock_release(&lock);
}

void pages_give_huge_uncommitted(void *memory, size_t size)
{
    lock_acquire(&lock);
    commitment_give_huge(memory, size);
    lock_release(&lock);
}

size_t pages_extend_huge(void *memory, size_t size, size_t wanted)
{
    lock_acquire(&lock);
    size_t now = huge_extend(memory, size, wanted);
    lock_release(&lock);
    return now;
}

size_t pages_shrink_huge(void *memory, size_t size, size_t wanted)
{
    lock_acquire(&lock);
    size_t now = huge_shrink(memory, size, wanted);
    lock_release(&lock);
    return now;
}

/* --- commitment --- */

bool pages_make_room(void)
{
    lock_acquire(&lock);
    bool made = commitment_make_room();
    lock_release(&lock);
    return made;
}

/* --- metadata --- */

void *pages_metadata(size_t size)
{
    lock_acquire(&lock);
    void *memory = metadata_take(size);
    lock_release(&lock);
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

/* --- knobs and reports --- */

bool pages_trim(size_t keep)
{
    lock_acquire(&lock);
    purge_retry();
    bool released = purge_to(keep);
    released |= slack_release();
    lock_release(&lock);
    return released;
}

void pages_apply_rule(void)
{
    lock_acquire(&lock);
    idle_apply_rule();
    lock_release(&lock);
}

void pages_set_gc_percent(int64_t percent)
{
    lock_acquire(&lock);
    limit_set_gc_percent(percent);
    lock_release(&lock);
}

static int64_t set_limit(enum limit_kind kind, int64_t bytes)
{
    lock_acquire(&lock);
    int64_t old = limit_bytes(kind);
    limit_set(kind, bytes);
    lock_release(&lock);
    return old;
}

int64_t pages_set_soft_limit(int64_t bytes)
{
    return set_limit(LIMIT_SOFT, bytes);
}

int64_t pages_set_hard_limit(int64_t bytes)
{
    return set_limit(LIMIT_HARD, bytes);
}

void pages_follow_memory(unsigned soft_percent, unsigned hard_percent)
{
    lock_acquire(&lock);
    limit_follow(LIMIT_SOFT, soft_percent);
    limit_follow(LIMIT_HARD, hard_percent);
    lock_release(&lock);
}

bool pages_set_limit_scope(bool is_process)
{
    lock_acquire(&lock);
    bool old = limit_set_scope(is_process);
    lock_release(&lock);
    return old;
}

int64_t pages_soft_limit(void)
{
    return limit_bytes(LIMIT_SOFT);
}

int64_t pages_hard_limit(void)
{
    return limit_bytes(LIMIT_HARD);
}

int64_t pages_soft_room(void)
{
    return limit_room();
}

void pages_read_process(size_t *resident, size_t *foreign)
{
    lock_acquire(&lock);
    limit_process_t process = limit_read_process();
    lock_release(&lock);
    *resident = process.resident;
    *foreign = process.foreign;
}

void pages_look(size_t bytes)
{
    if (!limit_wants_look(bytes) || !lock_try(&lock)) /* the holder looks, or the next one does */
        return;
    limit_look();
    limit_admit(0);
    lock_release(&lock);
}

void pages_heed_growth(void)
{
    lock_acquire(&lock);
    limit_restart_growth();
    lock_release(&lock);
}

void pages_heed_limit(void)
{
    lock_acquire(&lock);
    limit_heed();
    lock_release(&lock);
}

void pages_cycle_done(void)
{
    lock_acquire(&lock);
    limit_restart_growth();
    limit_admit(0);
    limit_restart();
    atomic_store_explicit(&pages_due, PAGES_DUE_NONE, memory_order_relaxed);
    lock_release(&lock);
}

void pages_retry_begins(void)
{
    limit_retry_begins();
}

void pages_retry_ends(void)
{
    limit_retry_ends();
}

void pages_set_refusal_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    lock_acquire(&lock);
    limit_set_callback(callback, context);
    lock_release(&lock);
}

size_t pages_excess(bool with_room)
{
    lock_acquire(&lock);
    size_t excess = limit_excess(with_room);
    lock_release(&lock);
    return excess;
}

bool pages_would_refuse(void)
{
    lock_acquire(&lock);
    bool refuse = limit_would_refuse();
    lock_release(&lock);
    return refuse;
}

size_t pages_inuse(void)
{
    lock_acquire(&lock);
    size_t inuse = idle_held_bytes() - idle_bytes();
    lock_release(&lock);
    return inuse;
}

void pages_watch_pressure(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                          void *context)
{
    lock_acquire(&lock);
    limit_watch_pressure(percent, callback, context);
    lock_release(&lock);
}

pages_pressure_t pages_tell_pressure(void)
{
    lock_acquire(&lock);
    pages_pressure_t pressure = limit_tell_pressure();
    lock_release(&lock);
    return pressure;
}

bool pages_fit(void)
{
    return pages_has_room(0);
}

bool pages_has_room(size_t bytes)
{
    lock_acquire(&lock);
    bool has_room = limit_has_room(bytes);
    lock_release(&lock);
    return has_room;
}

void pages_note_refill(size_t bytes)
{
    limit_note_refill(bytes);
}

size_t pages_extents_metadata(void)
{
    lock_acquire(&lock);
    size_t bytes = extents_metadata_bytes();
    lock_release(&lock);
    return bytes;
}

/* What the lock does not protect is a word each, read before or after it changes. */
__attribute__((no_sanitize("thread"))) page_stats_t pages_stats(void)
{
    lock_acquire(&lock);
    page_stats_t copy = page_stats;
    lock_release(&lock);
    return copy;
}

void pages_read_begin(void)
{
    lock_acquire(&lock);
}

void pages_read_end(void)
{
    lock_release(&lock);
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
    lock_acquire(&lock);
    extents_thread_end();
    lock_release(&lock);
}

bool pages_before_fork(void)
{
    if (!lock_acquire_soon(&lock))
        return false;
    extents_before_fork();
    return true;
}

void pages_after_fork(bool child)
{
    if (lock_may_repair(&lock)) {
        extents_after_fork(child);
        if (child) {
            purge_after_fork_child();
            limit_after_fork_child();
        }
    }
    lock_after_fork(&lock, child);
}

void pages_verify(void)
{
    size_t slots_free = 0, idle = 0;
    lock_acquire(&lock);
    runs_verify(&slots_free, &idle);
    ALWAYS_CHECK(slots_free + page_stats.slots_inuse + commitment_held_slots() == page_stats.slots);
    ALWAYS_CHECK(idle == page_stats.pages_idle);
    ALWAYS_CHECK(page_stats.touched <=
                 page_stats.pages_inuse + page_stats.pages_idle + page_stats.pages_slack);
    lock_release(&lock);
}
