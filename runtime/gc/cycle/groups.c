/* groups: see groups.h. */
#include "runtime/gc/cycle/groups.h"

#include "runtime/cells/bitmaps.h"
#include "runtime/cells/span_size.h"
#include "runtime/gc/mark/objref.h"

size_t groups_extent(uint32_t slot)
{
    slot_kind_t is = bitmaps_slot_kind(slot);
    if (is.cls)
        return is.kind & 1 ? SLOT_SIZE : 0;
    span_t *span = span_of_slot(slot);
    return objref_kind(span) & 1 ? objref_large_bytes(span) : 0;
}

uint32_t groups_end(void)
{
    size_t reach = __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE), used = atomic_load(&region.used);
    return (uint32_t)((reach < used ? reach : used) >> SLOT_SHIFT);
}

uint32_t groups_slots(size_t extent)
{
    return extent ? large_slots(extent) : 1;
}

/* A span that can be watched and that `belongs` chooses: its bytes. 0: another slot. */
static size_t chosen_extent(uint32_t slot, size_t extent, groups_choose *belongs)
{
    return extent && extent < GROUPS_OBJECT_MAX && belongs(slot) ? extent : 0;
}

/* The group that begins in that slot, and goes on over gaps of up to `gap` slots. Returns the slot after
 * it. */
static uint32_t group_end(uint32_t slot, uint32_t end, uint32_t gap, groups_choose *belongs, uintptr_t *to)
{
    uint32_t after = slot;
    while (slot < end && slot - after <= gap) {
        size_t extent = groups_extent(slot), chosen = chosen_extent(slot, extent, belongs);
        if (!chosen && (gap == 0 || extent >= GROUPS_OBJECT_MAX))
            break;
        if (chosen)
            *to = (uintptr_t)region_address(slot) + chosen;
        slot += groups_slots(extent);
        after = chosen ? slot : after;
    }
    return after;
}

bool groups_each(groups_choose *belongs, uint32_t gap, groups_visit *each)
{
    uint32_t end = groups_end();
    bool all = true;
    for (uint32_t slot = 0; slot < end;) {
        uintptr_t to = 0;
        uint32_t first = slot;
        size_t extent = groups_extent(slot);
        if (chosen_extent(slot, extent, belongs))
            slot = group_end(slot, end, gap, belongs, &to);
        if (slot > first)
            all &= each(first, slot, (uintptr_t)region_address(first), to);
        else
            slot += groups_slots(extent);
    }
    return all;
}
