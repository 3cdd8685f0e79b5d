/* huge: see huge.h. */
#include "runtime/pages/huge.h"

#include <string.h>

#include "runtime/config/options.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/commitment.h"
#include "runtime/pages/held.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/purge.h"
#include "runtime/region/extents.h"
#include "runtime/region/index.h"

/* The program may never have touched a large block that it frees. So the kernel clears the largest blocks:
 * clearing them by hand would make all of them resident. In collect mode, where every block of malloc is
 * cleared, the kernel clears all huge blocks. */
enum { CLEARED_BY_KERNEL = 32 << 20 };

static bool clear_by_kernel(char *memory, size_t size)
{
    return (size >= CLEARED_BY_KERNEL || options.collect) && os_release(memory, size);
}

/* The extent allocator no longer has the range for reuse: set `touched` of its slots to 0, and return the
 * bytes of the pages that were touched. Those pages may hold anything, the others are zero. */
static size_t huge_take_touched(const char *memory, size_t size, bool zeroed)
{
    size_t touched = 0;
    span_t *span = span_of_slot(region_slot(memory));
    DEBUG_CHECK(size % SLOT_SIZE == 0 && !region.chunks[region_slot(memory) / CHUNK_SLOTS].known);
    for (size_t i = 0; i < size / SLOT_SIZE; i++) {
        if (zeroed)
            span[i].unclear = span[i].touched;
        touched += span[i].touched;
        span[i].touched = 0;
    }
    return touched * OS_PAGE;
}

void huge_clear(void *memory, size_t size)
{
    span_t *span = span_of_slot(region_slot(memory));
    bool any = false;
    for (size_t i = 0; i < size / SLOT_SIZE && !any; i++)
        any = span[i].unclear > 0;
    bool is_cleared = !any || clear_by_kernel(memory, size);
    for (size_t i = 0; i < size / SLOT_SIZE; i++) {
        if (!is_cleared)
            memset((char *)memory + (i << SLOT_SHIFT), 0, (size_t)span[i].unclear * OS_PAGE);
        span[i].unclear = 0;
    }
}

/* Memory that was expected to come from idle memory may be fresh instead, so the limit is asked again. */
static void huge_taken(void *memory, size_t size, bool zeroed)
{
    region_note_used(memory, size);
    size_t touched = huge_take_touched(memory, size, zeroed);
    page_stats.huge_idle -= touched;
    page_stats.huge_inuse += size;
    idle_note_taken(size - touched);
    limit_admit(0);
    held_raise_peak(held_bytes());
}

/* Does the limit admit the object? Part of it may come from idle memory; but if some of that was released to
 * make room, the limit is asked again. */
static bool admit_huge(size_t size)
{
    size_t idle;
    do {
        idle = page_stats.huge_idle;
        if (!limit_admit(size > idle ? size - idle : 0))
            return false;
    } while (page_stats.huge_idle != idle);
    return true;
}

void *huge_take(size_t *size, size_t alignment, bool zeroed, size_t moved, bool *refused)
{
    *refused = false;
    size_t rounded = extents_wake() ? extents_rounded(*size, alignment) : 0;
    if (!rounded)
        return NULL;
    *size = rounded;
    if (!admit_huge(rounded - moved)) {
        *refused = limit_refuses(rounded - moved);
        return NULL;
    }
    void *memory = purge_take_provided(rounded, alignment);
    if (!memory && commitment_make_room())
        memory = purge_take_provided(rounded, alignment);
    if (memory) {
        page_stats.huge_moving += moved;
        huge_taken(memory, rounded, zeroed);
        page_stats.huge_count++;
        idle_spare_peak();
    }
    return memory;
}

/* Count [from, to) of a block as idle. All of it may have been touched. */
static void huge_gone(char *memory, size_t from, size_t to)
{
    span_t *span = span_of_slot(region_slot(memory));
    for (size_t i = from / SLOT_SIZE; i < to / SLOT_SIZE; i++)
        span[i].touched = SLOT_PAGES;
    for (size_t at = from; at < to; at += CHUNK_SIZE)
        index_set_idle(region_slot(memory + at) / CHUNK_SLOTS);
    if (from < to)
        index_set_idle(region_slot(memory + to - 1) / CHUNK_SLOTS);
    page_stats.huge_idle += to - from;
}

void huge_give(void *memory, size_t size, size_t moved)
{
    huge_gone(memory, moved / SLOT_SIZE * SLOT_SIZE, size);
    extents_give(memory, size);
    page_stats.huge_inuse -= size;
    page_stats.huge_count--;
    limit_fell();
}

size_t huge_shrink(void *memory, size_t size, size_t wanted)
{
    size_t now = extents_shrink(memory, size, wanted);
    DEBUG_CHECK(now <= size && now % SLOT_SIZE == 0);
    if (now == size)
        return now;
    huge_gone(memory, now, size);
    page_stats.huge_inuse -= size - now;
    limit_fell();
    return now;
}

size_t huge_extend(void *memory, size_t size, size_t wanted)
{
    size_t now = limit_admit(wanted - size) ? extents_extend(memory, size, wanted) : 0;
    if (now && purge_has((char *)memory + size, now - size)) {
        extents_shrink(memory, now, size);
        return 0; /* the caller takes another */
    }
    if (now)
        huge_taken((char *)memory + size, now - size, false);
    return now;
}
