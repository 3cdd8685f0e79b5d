/* shadow: see shadow.h. */
#include "runtime/gc/mark/shadow.h"

#include <stdatomic.h>
#include <string.h>

#include "runtime/cells/bitmaps.h"
#include "runtime/pages/pages.h"

enum { SHADOW_BYTES = SHADOW_WORDS * sizeof(uint32_t) };

/* An entry: 0 the page was not written yet, ONCE, or FIRST + the number of its shadow. */
enum { ONCE = 1, FIRST = 2 };

/* Between shadow_begin and shadow_end only `taken` and the entries change. */
static struct {
    uint32_t *entries; /* one a page; NULL: there are no tables */
    char *shadows;
    uint32_t slots, room; /* entries are for so many slots; shadows that there is room for */
    _Atomic uint32_t taken;
} shadow;

static size_t entries_bytes(void)
{
    return os_page_up((size_t)shadow.slots * SLOT_PAGES * sizeof *shadow.entries);
}

static size_t shadows_bytes(void)
{
    return (size_t)shadow.room * SHADOW_BYTES;
}

bool shadow_begin(uint32_t slots, size_t most)
{
    shadow.slots = slots;
    shadow.room = (uint32_t)((most & ~(size_t)(OS_PAGE - 1)) / SHADOW_BYTES);
    shadow.taken = 0;
    if (!shadow.room || __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE) > SHADOW_REACH ||
        !(shadow.entries = os_take(entries_bytes())))
        return false;
    shadow.shadows = os_take(shadows_bytes());
    if (shadow.shadows)
        return true;
    shadow_end();
    return false;
}

void shadow_end(void)
{
    if (shadow.entries)
        os_unreserve(shadow.entries, entries_bytes());
    if (shadow.shadows)
        os_unreserve(shadow.shadows, shadows_bytes());
    uint32_t used = shadow.taken < shadow.room ? shadow.taken : shadow.room;
    atomic_fetch_sub_explicit(&page_stats.metadata, (size_t)used * SHADOW_BYTES, memory_order_relaxed);
    shadow.entries = NULL;
    shadow.shadows = NULL;
    shadow.taken = 0;
}

static uint32_t *make(uint32_t *entry)
{
    uint32_t number = shadow.taken < shadow.room ? atomic_fetch_add(&shadow.taken, 1) : shadow.room;
    if (number >= shadow.room)
        return NULL;
    uint32_t *words = (uint32_t *)(void *)(shadow.shadows + (size_t)number * SHADOW_BYTES);
    memset(words, 0xff, SHADOW_BYTES);
    atomic_fetch_add_explicit(&page_stats.metadata, SHADOW_BYTES, memory_order_relaxed);
    *entry = FIRST + number;
    return words;
}

uint32_t *shadow_of(uint32_t slot, uint32_t page)
{
    if (!shadow.entries || slot >= shadow.slots)
        return NULL;
    uint32_t *entry = &shadow.entries[(size_t)slot * SLOT_PAGES + page];
    if (*entry >= FIRST)
        return (uint32_t *)(void *)(shadow.shadows + (size_t)(*entry - FIRST) * SHADOW_BYTES);
    if (*entry == ONCE)
        return make(entry);
    *entry = ONCE;
    return NULL;
}
