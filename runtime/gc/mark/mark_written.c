/* mark_written: rescanning the pages that were written during a concurrent trace, by all markers.
 *
 *     mark_written_add         slot -> list of slots, a mask of pages for each
 *     mark_run, each marker    slot <- list; rescan its pages, by their shadows (shadow.h) or as a whole;
 *                              then mark
 *
 * A slot is in the list once, so the list is bounded, and one marker rescans all pages of a slot.
 */
#include <stdatomic.h>

#include "runtime/cells/span_size.h"
#include "runtime/gc/cells/collected_span.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/marker.h"
#include "runtime/gc/mark/shadow.h"
#include "runtime/os/os.h"

/* Filled by the collecting thread, with no marker at work; emptied by the markers. */
static struct {
    uint32_t *slots; /* the list; NULL: there is no memory for it */
    uint16_t *pages; /* for each slot of the region: its pages in the list, a bit each */
    uint32_t most;   /* slots that there is room for */
    uint32_t count;
    _Atomic uint32_t taken;
} written;
_Static_assert(SLOT_PAGES <= 16, "a bit for each page");

/* --- the list --- */

static size_t slots_bytes(void)
{
    return os_page_up(written.most * sizeof *written.slots);
}

static size_t pages_bytes(void)
{
    return os_page_up(written.most * sizeof *written.pages);
}

void mark_written_begin(void)
{
    enum { SHADOW_SHARE = 16 };
    mark_written_end(); /* in a child of fork, what the parent had */
    written.most = bitmaps_slots();
    written.count = 0;
    written.taken = 0;
    written.slots = os_take(slots_bytes());
    written.pages = written.slots ? os_take(pages_bytes()) : NULL;
    if (!written.pages)
        mark_written_end();
    else
        shadow_begin(written.most, collected_bytes_held / SHADOW_SHARE);
}

void mark_written_end(void)
{
    if (written.slots)
        os_unreserve(written.slots, slots_bytes());
    if (written.pages)
        os_unreserve(written.pages, pages_bytes());
    written.slots = NULL;
    written.pages = NULL;
    shadow_end();
}

bool mark_written_add(uint32_t slot, uint32_t pages)
{
    if (!written.slots || slot >= written.most)
        return false;
    if (!written.pages[slot])
        written.slots[written.count++] = slot;
    written.pages[slot] = (uint16_t)(written.pages[slot] | pages);
    return true;
}

/* False: none is left. */
static bool take(uint32_t *slot, uint32_t *pages)
{
    uint32_t number = atomic_load(&written.taken);
    if (number >= written.count || (number = atomic_fetch_add(&written.taken, 1)) >= written.count)
        return false;
    *slot = written.slots[number];
    *pages = written.pages[*slot];
    written.pages[*slot] = 0;
    return true;
}

void marker_written_clear(void)
{
    written.count = 0;
    written.taken = 0;
}

/* --- a page --- */

static const mark_mode_t MODE = {.special = true};

/* As marker_found, but nearly all of these objects are marked already: so the bits are only read. Fetched for
 * writing, they would be taken from the cache of another marker each time. */
static inline void found_again(marker_t *self, size_t offset)
{
    objref_t target = objref_of(offset);
    if (!target)
        return;
    __builtin_prefetch(objref_bits(target));
    objref_t *place = &self->candidates[self->candidates_in++ % CANDIDATES], oldest = *place;
    *place = target;
    if (self->candidates_in - self->candidates_out > CANDIDATES) {
        self->candidates_out++;
        marker_mark(self, oldest, MODE);
    }
}

__attribute__((no_sanitize("address", "thread"))) static void
look_at_all(marker_t *self, const uintptr_t *word, const uintptr_t *end)
{
    const uintptr_t base = region_base;
    const size_t size = __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE);
    for (; word < end; word++) {
        uintptr_t offset = __atomic_load_n(word, __ATOMIC_RELAXED) - base;
        if (offset < size)
            found_again(self, offset);
    }
}

/* Look at the words [word, end) that differ from their shadow words. */
__attribute__((no_sanitize("address", "thread"))) static void
look_at_changed(marker_t *self, const uintptr_t *word, const uintptr_t *end, uint32_t *shadow)
{
    const uintptr_t base = region_base;
    const size_t reach = __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE);
    const size_t size = reach < SHADOW_REACH ? reach : SHADOW_REACH;
    for (; word < end; word++, shadow++) {
        uintptr_t offset = __atomic_load_n(word, __ATOMIC_RELAXED) - base;
        uint32_t now = offset < size ? (uint32_t)(offset >> 4) : 0;
        if (now == *shadow)
            continue;
        *shadow = now;
        if (now)
            found_again(self, offset);
    }
}

/* A part of a page. shadow: of the first word and those after it, or NULL. */
static void look_at(marker_t *self, uintptr_t from, uintptr_t to, uint32_t *shadow)
{
    if (marker_state.base_only)
        marker_scan_piece(self, from, to);
    else if (shadow)
        look_at_changed(self, (const uintptr_t *)from, (const uintptr_t *)to, shadow);
    else
        look_at_all(self, (const uintptr_t *)from, (const uintptr_t *)to);
}

/* Does not ask for the mark: what was scanned has been marked, see marker_again. */
static bool was_scanned(uint32_t slot, uint32_t cell)
{
    uint64_t allocs = __atomic_load_n(&bitmaps_of(slot)[cell / 64].allocs, __ATOMIC_RELAXED);
    return (allocs & __atomic_load_n(&bitmaps_scanned_of(slot)[cell / 64], __ATOMIC_RELAXED)) >> cell % 64 &
           1;
}

/* Neighbouring cells that the trace has scanned are looked at together. */
static void rescan_words(marker_t *self, uint32_t slot, uint32_t page, uint32_t cls)
{
    uintptr_t start = (uintptr_t)region_address(slot), from = start + (size_t)page * OS_PAGE;
    size_t size = class_size(cls);
    uint32_t cells = SLOT_SIZE / (uint32_t)size, cell = bitmaps_cell(cls, from - start);
    for (uintptr_t at = from, end; at < from + OS_PAGE && cell < cells; at = end) {
        bool scanned = was_scanned(slot, cell);
        do
            end = start + ++cell * size;
        while (end < from + OS_PAGE && cell < cells && was_scanned(slot, cell) == scanned);
        end = end < from + OS_PAGE ? end : from + OS_PAGE;
        if (scanned)
            look_at(self, at, end, NULL);
    }
}

static void rescan_cells(marker_t *self, uint32_t slot, uint32_t page, slot_kind_t is)
{
    if (is.kind == KIND_SCAN) {
        rescan_words(self, slot, page, is.cls);
        return;
    }
    uint32_t cells = SLOT_SIZE / class_size(is.cls), first = bitmaps_cell(is.cls, page * OS_PAGE);
    uint32_t end = bitmaps_cell(is.cls, (page + 1) * OS_PAGE - 1) + 1;
    if (is.kind == KIND_TYPED && first < cells)
        marker_again(self, slot, first, end < cells ? end : cells);
}

static void rescan_large(marker_t *self, uint32_t slot, uint32_t page)
{
    uint32_t first = objref_first(slot);
    span_t *span = span_of_slot(first);
    const enum span_kind kind = objref_kind(span);
    if (!(kind & 1) || !(__atomic_load_n(&bitmaps_of(first)->marks, __ATOMIC_SEQ_CST) & 1))
        return;
    uintptr_t from = (uintptr_t)region_address(slot) + (size_t)page * OS_PAGE, to = from + OS_PAGE;
    uintptr_t end = (uintptr_t)span_start(span) + objref_large_bytes(span);
    to = to < end ? to : end;
    if (kind == KIND_TYPED)
        marker_make_grey(self, first, 0, MODE);
    else if (from < to)
        look_at(self, from, to, shadow_of(slot, page));
}

void marker_rescan(marker_t *self)
{
    uint32_t slot, pages;
    while (take(&slot, &pages)) {
        slot_kind_t is = bitmaps_slot_kind(slot);
        for (; pages; pages &= pages - 1) {
            uint32_t page = (uint32_t)__builtin_ctz(pages);
            if (is.cls)
                rescan_cells(self, slot, page, is);
            else
                rescan_large(self, slot, page);
        }
    }
}
