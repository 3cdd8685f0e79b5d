/* huge_page: see huge_page.h. */
#include "runtime/pages/huge_page.h"

#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/pages/held.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/runs.h"
#include "runtime/region/bits.h"

static uint32_t last; /* the first slot of the 2 MiB that a small span began last; 0: none yet */

static bool is_free(uint32_t slot)
{
    return region.chunks[slot / CHUNK_SLOTS].free & bits_run(slot % CHUNK_SLOTS, 1);
}

/* Pages of a slot in use that hold cells which were handed out at some time, or may be resident otherwise.
 * The owner of a span writes these fields meanwhile: each value is consistent, and this is a guess. */
__attribute__((no_sanitize("thread"))) static size_t pages_used(const span_t *span)
{
    bool is_manual = span->state == SPAN_ACTIVE || span->state == SPAN_PARTIAL || span->state == SPAN_FULL;
    return is_manual ? (size_t)span->initialized * span->cell_size / OS_PAGE : span->touched;
}

static bool is_last_used_up(void)
{
    size_t used = 0;
    for (uint32_t i = 0; last && i < HUGE_PAGE_SLOTS; i++)
        used += is_free(last + i) ? 0 : pages_used(span_of_slot(last + i));
    return used >= HUGE_PAGE_SLOTS * SLOT_PAGES / 8 * 7;
}

static bool is_large_enough(enum span_backing backing)
{
    enum { LEAST = 24 * 1024 * 1024, LEAST_AS_BEFORE = 32 * 1024 * 1024 };
    return held_inuse() >= (backing == BACKED_BY_HUGE ? LEAST : LEAST_AS_BEFORE);
}

static bool is_allowed(void)
{
    enum { ROOM_MIN = 32 * 1024 * 1024, PERCENT_MIN = 50 };
    int64_t percent = idle_gc_percent();
    return options.hugepages && (percent < 0 || percent >= PERCENT_MIN) && limit_has_room(ROOM_MIN);
}

bool huge_page_is_allowed(void)
{
    return is_allowed() && is_large_enough(BACKED_BY_HUGE);
}

bool huge_page_begin(uint32_t slot, enum span_backing backing)
{
    if (backing == BACKED_BY_SMALL || !is_allowed() || !runs_begins_huge(slot))
        return false;
    bool pays = is_large_enough(backing) && (backing == BACKED_BY_HUGE || is_last_used_up());
    last = slot / HUGE_PAGE_SLOTS * HUGE_PAGE_SLOTS;
    return pays && runs_touch_huge(slot, backing == BACKED_BY_HUGE);
}
