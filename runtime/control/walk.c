/* walk: see walk.h. */
#include "runtime/control/walk.h"

#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"
#include "runtime/cells/span_size.h"
#include "runtime/pages/pages.h"

uint32_t walk_first(void)
{
    return ZERO_ZONE / SLOT_SIZE;
}

uint32_t walk_end(void)
{
    return (uint32_t)(region.used >> SLOT_SHIFT);
}

static void note_used(walk_slot_t *found, uint32_t cell)
{
    found->used[cell / 64] |= (uint64_t)1 << cell % 64;
    found->span.used_blocks++;
}

/* The pages that a cell reaches into, one bit each. */
static uint32_t pages_of(size_t cell_size, uint32_t cell)
{
    uint32_t first = (uint32_t)(cell * cell_size / OS_PAGE);
    uint32_t last = (uint32_t)((cell * cell_size + cell_size - 1) / OS_PAGE);
    return ((uint32_t)2 << last) - ((uint32_t)1 << first);
}

static size_t pinned_bytes(const walk_slot_t *found)
{
    uint32_t pages = 0;
    for (uint32_t i = 0; i < found->span.blocks; i++)
        if (found->used[i / 64] >> i % 64 & 1)
            pages |= pages_of(found->span.block_size, i);
    return (size_t)__builtin_popcount(pages) * OS_PAGE;
}

/* The owner writes tags without a lock: one word at a time is read, each either old or new. */
__attribute__((no_sanitize("thread", "address"))) static void read_manual(const span_t *copy,
                                                                          walk_slot_t *found)
{
    for (uint32_t i = 0; i < copy->initialized && i < copy->cells; i++) {
        const cell_t *cell =
            (const cell_t *)(const void *)((const char *)found->span.start + (size_t)i * copy->cell_size);
        bool is_absent = pages_of(copy->cell_size, i) & copy->hollow;
        if (!is_absent &&
            __atomic_load_n(&cell->tag, __ATOMIC_RELAXED) != span_of_slot(region_slot(found->span.start)))
            note_used(found, i);
    }
}

static void read_collected(walk_slot_t *found)
{
    const bits_t *bits = bitmaps_of(region_slot(found->span.start));
    for (uint32_t i = 0; i < found->span.blocks; i++)
        if (__atomic_load_n(&bits[i / 64].allocs, __ATOMIC_RELAXED) >> i % 64 & 1)
            note_used(found, i);
}

static void read_large(span_t *copy, walk_slot_t *found)
{
    found->span.block_size = found->span.resident = found->span.pinned = large_usable(copy);
    found->span.blocks = 1;
    note_used(found, 0);
}

/* A thread may turn a spare span of its own into one of another size meanwhile: a copy that is half old and
 * half new is left out. */
static void read_small(const span_t *copy, walk_slot_t *found)
{
    if (copy->cell_size == 0 || copy->cells != SLOT_SIZE / copy->cell_size)
        return;
    found->span.block_size = copy->cell_size;
    found->span.blocks = copy->cells;
    if (copy->state == SPAN_COLLECTED)
        read_collected(found);
    else
        read_manual(copy, found);
    uint32_t resident = copy->touched - (uint32_t)__builtin_popcount(copy->hollow);
    found->span.resident = resident <= SLOT_PAGES ? (size_t)resident * OS_PAGE : SLOT_SIZE;
    found->span.pinned = pinned_bytes(found);
}

__attribute__((no_sanitize("thread"))) static span_t copy_of(const span_t *span)
{
    return *span;
}

/* No lock is needed to see that no span begins in a slot. */
__attribute__((no_sanitize("thread"))) static bool is_empty_span(const span_t *span)
{
    return *(const volatile uint8_t *)&span->state == SPAN_NONE;
}

bool walk_read(uint32_t slot, walk_slot_t *found)
{
    memset(found, 0, sizeof *found);
    span_t *span = span_of_slot(slot);
    if (is_empty_span(span))
        return false;
    pages_read_begin();
    span_t copy = copy_of(span);
    found->span.start = span_start(span);
    found->span.used = found->used;
    found->span.kind = copy.kind == KIND_MANUAL ? WEIR_SPAN_MANUAL : WEIR_SPAN_COLLECTED;
    if (copy.state == SPAN_LARGE || copy.state == SPAN_HUGE)
        read_large(&copy, found);
    else if (copy.state != SPAN_NONE && copy.state != SPAN_TAIL)
        read_small(&copy, found);
    pages_read_end();
    return found->span.used_blocks > 0;
}
