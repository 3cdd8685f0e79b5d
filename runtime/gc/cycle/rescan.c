/* rescan: see rescan.h. */
#include "runtime/gc/cycle/rescan.h"

#include "runtime/cells/bitmaps.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/objref.h"

/* Rescan the cells that begin in the slot and overlap [from, to), which lies in the slot. */
static void rescan_cells(uint32_t slot, uint32_t cls, uintptr_t from, uintptr_t to)
{
    uintptr_t start = (uintptr_t)region_address(slot);
    uint32_t cells = SLOT_SIZE / class_size(cls);
    uint32_t first = bitmaps_cell(cls, from - start), end = bitmaps_cell(cls, to - 1 - start) + 1;
    if (first < cells)
        mark_again(slot, first, end < cells ? end : cells);
}

/* Rescan the part of the large object around `from` that lies in the range. Returns the end of that part. */
static uintptr_t rescan_large(uint32_t slot, uintptr_t from, uintptr_t to)
{
    uint32_t first = objref_first(slot);
    uintptr_t end = (uintptr_t)region_address(first) + objref_large_bytes(span_of_slot(first));
    end = end < to ? end : to;
    if (from < end)
        mark_large_again(first, from, end);
    return end;
}

/* The pages of the slot that [from, to) consists of, a bit each. */
static uint32_t pages_between(uint32_t slot, uintptr_t from, uintptr_t to)
{
    uintptr_t start = (uintptr_t)region_address(slot);
    return (1u << (to - 1 - start) / OS_PAGE << 1) - (1u << (from - start) / OS_PAGE);
}

void rescan(uintptr_t from, uintptr_t to)
{
    while (from < to) {
        uint32_t slot = region_slot((const void *)from);
        uintptr_t next = (uintptr_t)region_address(slot + 1), end = next < to ? next : to;
        slot_kind_t is = bitmaps_slot_kind(slot);
        if (mark_written_add(slot, pages_between(slot, from, end))) {
            from = end;
            continue;
        }
        if (is.cls) {
            rescan_cells(slot, is.cls, from, end);
        } else if (objref_at((const void *)from)) {
            uintptr_t part = rescan_large(slot, from, to);
            end = part > end ? part : end; /* the rest of its last slot is unused */
        }
        from = end;
    }
}
