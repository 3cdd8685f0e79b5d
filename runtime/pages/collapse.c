/* collapse: see collapse.h. */
#include "runtime/pages/collapse.h"

#include <stdint.h>

#include "runtime/base/descriptor.h"
#include "runtime/os/os.h"
#include "runtime/pages/huge_page.h"
#include "runtime/pages/pages_lock.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/runs.h"
#include "runtime/process/backing.h"
#include "runtime/region/bits.h"
#include "runtime/region/region.h"

/* Used by the one thread that collapses. */
static struct {
    uint32_t next;     /* the first slot of the next 2 MiB */
    uint32_t left;     /* how many times 2 MiB are to be looked at in this pass */
    uint32_t refusals; /* in a row, in this pass */
} collapse;

/* The region is looked through from FIRST on. */
enum { FIRST = ZERO_ZONE / SLOT_SIZE, REFUSALS_MAX = 8 };
_Static_assert(FIRST % HUGE_PAGE_SLOTS == 0, "a huge page begins there");

static uint32_t slots_end(void)
{
    return (uint32_t)(atomic_load(&region.used) >> SLOT_SHIFT);
}

/* A span may be made, or given back, meanwhile: each value is consistent, and this is a guess. */
__attribute__((no_sanitize("thread"))) static bool is_collected(uint32_t slot)
{
    const span_t *span = span_of_slot(slot);
    uint8_t state = *(const volatile uint8_t *)&span->state;
    bool is_large = state == SPAN_LARGE || state == SPAN_HUGE;
    return state == SPAN_COLLECTED || state == SPAN_TAIL || (is_large && span->kind != KIND_MANUAL);
}

static bool are_collected(uint32_t first)
{
    uint32_t slot = first;
    while (slot < first + HUGE_PAGE_SLOTS && is_collected(slot))
        slot++;
    return slot == first + HUGE_PAGE_SLOTS;
}

/* Under the lock. Where a slot is not committed, there may be a mapping of the program. */
static bool slot_is_free(uint32_t slot)
{
    const chunk_t *chunk = &region.chunks[slot / CHUNK_SLOTS];
    return chunk->known && chunk->free & chunk->committed & bits_run(slot % CHUNK_SLOTS, 1);
}

/* Release the free slots that count as not touched. Those that are being purged are left to that. */
static void release_untouched(uint32_t first)
{
    lock_acquire(&pages_lock);
    for (uint32_t slot = first; slot < first + HUGE_PAGE_SLOTS; slot++)
        if (slot_is_free(slot) && !span_of_slot(slot)->touched && !purge_has(region_address(slot), SLOT_SIZE))
            os_release(region_address(slot), SLOT_SIZE);
    lock_release(&pages_lock);
}

bool collapse_begin(void)
{
    lock_acquire(&pages_lock);
    bool is_allowed = huge_page_is_allowed();
    lock_release(&pages_lock);
    collapse.left = is_allowed ? slots_end() / HUGE_PAGE_SLOTS : 0;
    collapse.refusals = 0;
    return is_allowed;
}

static uint32_t next_slots(void)
{
    uint32_t first = collapse.next + HUGE_PAGE_SLOTS;
    if (first < FIRST || first + HUGE_PAGE_SLOTS > slots_end())
        first = FIRST;
    collapse.next = first;
    collapse.left--;
    return first;
}

/* Slots of chunks are advised to have no huge pages (os_touch_huge); the extent allocator's memory is not. */
static void collapse_slots(uint32_t first)
{
    bool is_advised = __atomic_load_n(&region.chunks[first / CHUNK_SLOTS].known, __ATOMIC_RELAXED);
    if (os_collapse(region_address(first), is_advised))
        collapse.refusals = 0;
    else if (++collapse.refusals == REFUSALS_MAX)
        collapse.left = 0;
    if (!are_collected(first))
        release_untouched(first);
}

bool collapse_next(void)
{
    enum { LOOKS = 16 };
    int descriptor = backing_open();
    if (descriptor < 0)
        return false;
    for (int i = 0; i < LOOKS && collapse.left > 0; i++) {
        uint32_t first = next_slots();
        if (are_collected(first) && backing_is_by_own_small_pages(descriptor, region_address(first))) {
            collapse_slots(first);
            break;
        }
    }
    descriptor_close(descriptor);
    return collapse.left > 0;
}
