/* block: see block.h. */
#include "runtime/harden/block.h"

#include <string.h>

#include "runtime/cells/span_size.h"
#include "runtime/harden/canary.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum {
    GUARDS_MAX = 8192, /* each is one or two mappings of the 65530 that a process may have */
};

static uint32_t guards; /* blocks that have one */

/* --- layout --- */

static size_t front_of(size_t alignment)
{
    return alignment > CANARY_MIN ? alignment : CANARY_MIN;
}

static char *page_up(char *p)
{
    return p + (-(uintptr_t)p & (OS_PAGE - 1));
}

bool block_is_large(size_t size, size_t alignment)
{
    return size >= OS_PAGE || alignment >= OS_PAGE;
}

size_t block_room(size_t size, size_t alignment)
{
    size_t room = front_of(alignment) + size + CANARY_MIN;
    return block_is_large(size, alignment) ? (room + OS_PAGE - 1) / OS_PAGE * OS_PAGE + OS_PAGE : room;
}

static block_t describe_large(uint32_t slot, record_t *record)
{
    size_t front = front_of((size_t)1 << record->alignment_log);
    block_t block = {.record = record, .large = true};
    block.start = region_address(slot) - (front >= SLOT_SIZE ? front : 0);
    block.user = block.start + front;
    block.end = page_up(block.user + record->size + CANARY_MIN);
    block.limit = block.start + *span_bytes(span_of_slot(region_slot(block.start)));
    return block;
}

static block_t describe_cell(char *start, record_t *record)
{
    return (block_t){.record = record,
                     .start = start,
                     .user = start + front_of((size_t)1 << record->alignment_log),
                     .end = start + span_of_slot(region_slot(start))->cell_size};
}

static bool has_pages(const span_t *span)
{
    uint8_t state = __atomic_load_n(&span->state, __ATOMIC_RELAXED);
    return state == SPAN_LARGE || state == SPAN_HUGE;
}

static bool find_large(const void *p, block_t *block)
{
    uint32_t slot = region_slot(p);
    record_t *record = records_large(slot);
    if (!record || record->state == BLOCK_UNKNOWN)
        return false;
    *block = describe_large(slot, record);
    return true;
}

static bool find_cell(const void *p, block_t *block)
{
    uint32_t size = span_of_slot(region_slot(p))->cell_size;
    if (!size)
        return false;
    uint32_t offset = (uint32_t)((uintptr_t)p % SLOT_SIZE);
    char *start = (char *)p - offset % size;
    record_t *record = records_cell(region_slot(p), size, offset / size);
    if (!record || record->state == BLOCK_UNKNOWN)
        return false;
    *block = describe_cell(start, record);
    return true;
}

/* Only the first slot of a large block has the block's state. The object may begin in a later slot, whose
 * state is SPAN_NONE, as a free slot's is. A free slot's record says what it held last: freeing that again is
 * a double free. */
finding_t block_find(const void *p, block_t *block)
{
    const span_t *span = span_of_slot(region_slot(p));
    bool says_nothing = span_state(span) == SPAN_NONE;
    bool found = (says_nothing || has_pages(span)) && find_large(p, block);
    if (found && p == block->user)
        return (finding_t){0};
    if (!has_pages(span) && find_cell(p, block)) {
        found = true;
        if (p == block->user)
            return (finding_t){0};
    }
    if (!found || says_nothing)
        return (finding_t){.what = "unallocated address at", .at = p};
    finding_t finding = block_finding(block, "interior address at");
    finding.at = p;
    return finding;
}

block_t block_at(void *user)
{
    block_t block;
    block_find(user, &block);
    return block;
}

/* --- canaries --- */

static char *front_start(const block_t *block)
{
    return block->user - block->start > OS_PAGE ? block->user - OS_PAGE : block->start;
}

static char *rear_start(const block_t *block)
{
    return block->user + block->record->size;
}

finding_t block_check(const block_t *block)
{
    char *front = front_start(block), *rear = rear_start(block);
    if (!canary_is_whole(front, block->user)) {
        canary_fill(front, block->user);
        return block_finding(block, "underflow of");
    }
    if (!canary_is_whole(rear, block->end)) {
        canary_fill(rear, block->end);
        return block_finding(block, "overflow of");
    }
    return (finding_t){0};
}

/* --- from cell to block and back --- */

/* The record for a block at `start`. A large block has the record of the slot that its object begins in,
 * which the alignment may have put after the slot of `start`. */
static record_t *have_record(char *start, bool large, size_t front)
{
    uint32_t slot = region_slot(large && front >= SLOT_SIZE ? start + front : start);
    if (large)
        return records_make_large(slot) ? records_large(slot) : NULL;
    uint32_t size = span_of_slot(slot)->cell_size;
    return records_make_cells(slot, size)
               ? records_cell(slot, size, (uint32_t)((uintptr_t)start % SLOT_SIZE) / size)
               : NULL;
}

bool block_make(void *start, bool large, size_t size, size_t alignment, enum heap_call call, block_t *block)
{
    size_t front = front_of(alignment);
    record_t *record = have_record(start, large, front);
    if (!record)
        return false;
    *record = (record_t){.size = size,
                         .alignment_log = (uint64_t)__builtin_ctzll(alignment),
                         .state = BLOCK_LIVE,
                         .call = call};
    *block = large ? describe_large(region_slot((char *)start + (front >= SLOT_SIZE ? front : 0)), record)
                   : describe_cell(start, record);
    canary_fill(front_start(block), block->user);
    canary_fill(rear_start(block), block->end);
    if (large && guards < GUARDS_MAX && os_forbid(block->end, (size_t)(block->limit - block->end))) {
        record->guarded = true;
        guards++;
    }
    return true;
}

bool block_resize(block_t *block, size_t size)
{
    record_t *record = block->record;
    size_t old = record->size, room = (size_t)(block->limit - block->user) - OS_PAGE - CANARY_MIN;
    if (!block->large || size > room || size < OS_PAGE)
        return false;
    char *end = page_up(block->user + size + CANARY_MIN);
    if (record->guarded && end > block->end && !os_commit(block->end, (size_t)(end - block->end)))
        return false;
    if (size > old)
        memset(block->user + old, 0,
               (size_t)(block->end - block->user) - old); /* the old canary, too, reads as zero */
    record->size = size;
    canary_fill(rear_start(block), end);
    if (end < block->end) {
        os_release(end, (size_t)(block->end - end));
        if (record->guarded)
            os_forbid(end, (size_t)(block->end - end));
    }
    block->end = end;
    return true;
}

void block_poison(const block_t *block)
{
    size_t size = (size_t)(block->end - block->start);
    block->record->state = BLOCK_QUARANTINED;
    block->record->resident = !block->large || !os_release(block->start, size);
    if (block->record->resident)
        memset(block->start, 0, size);
    if (block->large && block->record->guarded)
        block->record->forbidden = os_forbid(block->start, size);
}

finding_t block_check_poison(const block_t *block)
{
    const uint64_t *word = (const void *)block->start, *end = (const void *)block->end;
    /* A large block is inaccessible; or it was released, and reading it would make its pages resident. */
    if (block->large)
        return (finding_t){0};
    for (; word < end; word++)
        if (*word != 0) {
            memset(block->start, 0, (size_t)(block->end - block->start));
            return block_finding(block, "write after free of");
        }
    return (finding_t){0};
}

bool block_release(const block_t *block)
{
    record_t *record = block->record;
    char *from = record->forbidden ? block->start : block->end;
    record->state = BLOCK_RETURNED;
    if (!record->guarded)
        return true;
    record->guarded = record->forbidden = false;
    guards--;
    return os_commit(from, (size_t)(block->limit - from));
}
