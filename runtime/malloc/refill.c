/* refill: see refill.h. */
#include "runtime/malloc/refill.h"

#include "runtime/cells/hollow.h"
#include "runtime/cells/span_size.h"
#include "runtime/cycle/cycle.h"
#include "runtime/debug/span_check.h"
#include "runtime/debug/verify.h"
#include "runtime/malloc/orphans.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/span.h"
#include "runtime/malloc/spare.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/sampled.h"

/* The list has `count` cells, and a sample is due after the first until[class] of them: the others go back to
 * their span. Returns how many stay. A child of fork may see this half done: the used count may then be too
 * high, but never too low. */
COLD static uint32_t cut_before_sample(heap_t *heap, span_t *span, cell_t *list, uint32_t count)
{
    uint32_t *until = &heap->sampling->until[span->cls];
    if (count <= *until) {
        *until -= count;
        return count;
    }
    uint32_t kept = *until > 0 ? *until : 1; /* 0: there was no memory for a sample */
    cell_t *last = list;
    for (uint32_t i = 1; i < kept; i++)
        last = last->next;
    span->free = last->next;
    last->next = NULL;
    count_add(&heap->counts.returned[span->cls], count - kept);
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t used = span_used(span) - (count - kept);
    span_set_wait(span, used, used);
    *until = 0;
    return kept;
}

/* Hand a list of `count` cells, which count as used, to the class's bin, and its first cell to the caller. */
ALWAYS_INLINE void *bin_fill(heap_t *heap, span_t *span, cell_t *list, uint32_t count)
{
    uint32_t cls = span->cls, kept = count;
    if (UNLIKELY(heap->sampling != NULL))
        kept = cut_before_sample(heap, span, list, count);
    __atomic_store_n(&heap->filled[cls], (uint16_t)kept, __ATOMIC_RELAXED);
    cycle_note_volume(heap, (size_t)kept * span->cell_size);
    heap->bins[cls] = list->next;
    list->tag = NULL;
    count_add(&heap->counts.taken[cls], count);
    if (pages_is_pressed())
        pages_note_refill((size_t)count * span->cell_size);
    return list;
}

/* How many cells of its list a refill checks. It reads the first ones anyway. The others are dependent cache
 * misses, since each address is in the cell before; when malloc reads them, the misses overlap with what the
 * program does in between. In a thread that replaces 8 MiB of blocks at random, checking all cells took a
 * quarter of the time. So only the first 1024 refills of a heap, and then one in 16, check up to ALL cells.
 * (The count begins again after 65536.) */
static uint32_t check_steps(heap_t *heap)
{
    enum { ALL_UNTIL = 1024, ALL_EACH = 16, ALL = 64, FIRST = 2 };
    uint32_t refills = heap->refills++;
    return refills < ALL_UNTIL || refills % ALL_EACH == 0 ? ALL : FIRST;
}

/* Move all cells that were freed to the span into the bin. The order of the stores matters to a child of
 * fork, which may see the span of a vanished thread between any two of them: the used count may then be too
 * high, but never too low. */
ALWAYS_INLINE void *take_free(heap_t *heap, span_t *span)
{
    cell_t *list = span->free;
    span_check_list(span, list, check_steps(heap));
    span_check_stray(span, list);
    if (UNLIKELY(span->absent) && !(list = span_check_absent(span, list)))
        return NULL;
    uint32_t present = span->initialized - span->absent, count = present - span_used(span);
    DEBUG_CHECK(!heap->bins[span->cls] && count > 0);
    span_set_wait(span, present, present);
    atomic_signal_fence(memory_order_seq_cst);
    span->free = NULL;
    count_add(&heap->counts.freed[span->cls], count);
    return bin_fill(heap, span, list, count);
}

/* First use of the next page's worth of cells. */
NOINLINE static void *take_untouched(heap_t *heap, span_t *span)
{
    DEBUG_CHECK(!span->free && !heap->bins[span->cls]);
    DEBUG_CHECK(span->initialized < span->cells && span_used(span) + span->absent == span->initialized);
    uint32_t size = span->cell_size, start = span->initialized * size;
    uint32_t end = (start + OS_PAGE) & ~(uint32_t)(OS_PAGE - 1);
    uint32_t count = start + size >= end ? 1 : (end - start) / size;
    if (count > (uint32_t)(span->cells - span->initialized))
        count = span->cells - span->initialized;
    if (!span_touch(span, span->initialized + count))
        return NULL;
    char *first = span_start(span) + start, *last = first + (size_t)(count - 1) * size;
    for (char *at = first; at < last; at += size)
        *(cell_t *)(void *)at = (cell_t){.next = (cell_t *)(void *)(at + size), .tag = span};
    *(cell_t *)(void *)last = (cell_t){.next = NULL, .tag = span};
    uint32_t initialized = span->initialized + count;
    span_set_wait(span, initialized - span->absent, initialized - span->absent);
    __atomic_store_n(&span->initialized, (uint16_t)initialized, __ATOMIC_RELEASE);
    return bin_fill(heap, span, (cell_t *)(void *)first, count);
}

static void *take_fresh(heap_t *heap, span_t *span)
{
    if (LIKELY(!span->hollow))
        return take_untouched(heap, span);
    uint32_t count;
    cell_t *list = hollow_revive(span, &count);
    if (!list)
        return NULL;
    span_set_wait(span, span_used(span) + count, span_used(span) + count);
    count_add(&heap->counts.freed[span->cls], count);
    return bin_fill(heap, span, list, count);
}

static void span_activate(heap_t *heap, span_t *span)
{
    if (span->state == SPAN_PARTIAL)
        span_partial_remove(heap, span);
    span_set_wait(span, span_used(span), span_used(span));
    span_set_state(span, SPAN_ACTIVE);
    heap->active[span->cls] = span;
}

/* A partial span with freed cells: these are resident, untouched and hollow ones are not. NULL: none was
 * found. Only the first few spans are looked at: hollow_heap puts spans without freed cells last, and a
 * refill puts at most one at a time in front (span_rest). */
static span_t *partial_with_free(const heap_t *heap, uint32_t cls)
{
    enum { LOOKS = 8 };
    uint32_t slot = heap->partial[cls];
    for (int i = 0; slot && i < LOOKS; i++, slot = span_of_slot(slot)->next)
        if (span_of_slot(slot)->free)
            return span_of_slot(slot);
    return NULL;
}

/* The next span of the class to allocate from: one of ours, an orphan's, or a new one. */
static span_t *next_span(heap_t *heap, uint32_t cls)
{
    span_t *span = partial_with_free(heap, cls);
    if (!span && heap->partial[cls])
        span = span_of_slot(heap->partial[cls]);
    if (!span)
        span = orphans_take_span(heap, cls);
    if (!span && pages_is_pressed()) {
        span_release_empty(heap);
        spare_release(heap);
    }
    return span ? span : span_new(heap, cls);
}

static void *refill_from_next(heap_t *heap, uint32_t cls)
{
    if (heap->chains > 0)
        remote_flush(heap);
    if (heap->active[cls])
        span_rest(heap, heap->active[cls]);
    span_t *span = next_span(heap, cls);
    if (!span)
        return NULL;
    span_activate(heap, span);
    return span->free ? take_free(heap, span) : take_fresh(heap, span);
}

/* If a sample of the class is due, allocate it. NULL without *is_refused: make an ordinary allocation. */
static void *take_sample(heap_t *heap, uint32_t cls, size_t size, bool *is_refused)
{
    bool is_due = UNLIKELY(heap->sampling != NULL) && heap->sampling->until[cls] == 0;
    return is_due ? sampled_alloc(heap, cls, size, is_refused) : NULL;
}

void *refill_bin(heap_t *heap, uint32_t cls, size_t size)
{
    span_t *span = heap->active[cls];
    bool is_refused = false;
    void *sample = take_sample(heap, cls, size, &is_refused);
    if (UNLIKELY(sample != NULL || is_refused))
        return sample;
    if (LIKELY(span && span->free))
        return take_free(heap, span);
    verify_at_slow_path();
    if (remote_drain(heap) && span && span->free)
        return take_free(heap, span);
    if (span && span_has_fresh(span) && !partial_with_free(heap, cls))
        return take_fresh(heap, span);
    return refill_from_next(heap, cls);
}
