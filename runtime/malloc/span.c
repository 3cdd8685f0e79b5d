/* span: the life of a small span.
 *
 *                     list empty, span exhausted              enough frees
 *     new --> ACTIVE ----------------------------> FULL ---------------------> PARTIAL --> ACTIVE (refill)
 *                                                                                 |
 *                                                                                 +------> given back (empty)
 *
 * A full span waits until a sixteenth of its cells is free (at most 32), so that a refill brings more than
 * one. A partial span that empties is given back unless it is the class's only partial one: a program that
 * frees and allocates around a span's boundary would give and take it each time.
 */
#include "runtime/cells/cache.h"
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

enum { WAKE_MAX = 32 };

static uint32_t wake_after(const span_t *span)
{
    uint32_t share = span->initialized / 16u;
    return share < 1 ? 1 : share > WAKE_MAX ? WAKE_MAX : share;
}

/* In one piece: their sum is read by others. */
static void set_wait(span_t *span, uint32_t used, uint32_t wait)
{
    __atomic_store_n(&span->waits, span_waits(used, wait), __ATOMIC_RELAXED);
}

/* --- the list of partial spans --- */

static void partial_push(heap_t *heap, span_t *span)
{
    DEBUG_CHECK(span->heap == heap && heap->active[span->cls] != span);
    span_set_state(span, SPAN_PARTIAL);
    set_wait(span, span_used(span), span_used(span));
    span_link(&heap->partial[span->cls], span);
}

static void partial_remove(heap_t *heap, span_t *span)
{
    DEBUG_CHECK(span->heap == heap && span->state == SPAN_PARTIAL);
    DEBUG_CHECK(span->prev ? span_of_slot(span->prev)->next == span_slot(span)
                           : heap->partial[span->cls] == span_slot(span));
    span_unlink(&heap->partial[span->cls], span);
}

void span_move(heap_t *from, heap_t *to, span_t *span)
{
    bool is_partial = span->state == SPAN_PARTIAL;
    if (is_partial)
        partial_remove(from, span);
    span_unlink_all(&from->spans, span);
    __atomic_store_n(&span->heap, to, __ATOMIC_RELAXED);
    __atomic_store_n(&span->owner, to->word, __ATOMIC_RELAXED);
    span_link_all(&to->spans, span);
    if (is_partial)
        partial_push(to, span);
}

/* --- new and old spans --- */

/* Is the span that the heap takes going to be used up soon, so that a huge page pays? Its cells leave no page
 * of a slot untouched, and the heap has handed out many of the class: a thread that needs one cell of each
 * class would have 2 MiB for each. */
static bool is_worth_huge(const heap_t *heap, uint32_t cls)
{
    enum { HANDED_OUT = 1024 * 1024 };
    return SLOT_SIZE % class_size(cls) < OS_PAGE && heap->counts.taken[cls] >= HANDED_OUT / class_size(cls);
}

static span_t *span_new(heap_t *heap, uint32_t cls)
{
    uint32_t slot = spare_take_small(heap);
    if (!slot)
        slot = pages_take_span(is_worth_huge(heap, cls));
    if (!slot)
        return NULL;
    span_t *span = span_of_slot(slot);
    uint32_t size = class_size(cls);
    *span = (span_t){.cell_size = size,
                     .cells = (uint16_t)(SLOT_SIZE / size),
                     .cls = (uint8_t)cls,
                     .kind = KIND_MANUAL,
                     .touched = span->touched,
                     .heap = heap};
    __atomic_store_n(&span->owner, heap->word, __ATOMIC_RELAXED);
    span_link_all(&heap->spans, span);
    __atomic_store_n(&span->state, SPAN_ACTIVE,
                     __ATOMIC_RELEASE); /* last: from here on its cells are counted */
    return span;
}

static void span_discard(heap_t *heap, span_t *span)
{
    DEBUG_CHECK(span->heap == heap && heap->active[span->cls] != span && span_used(span) == 0);
    span_unlink_all(&heap->spans, span);
    __atomic_store_n(&span->owner, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&span->heap, NULL, __ATOMIC_RELAXED);
    span_set_state(span, SPAN_NONE);
    count_add(&heap->counts.freed[span->cls], span->initialized);
    if (!spare_put_small(heap, span))
        pages_give(span_slot(span), 1, SLOT_PAGES);
}

/* --- refill --- */

/* A sample is due after the first until[class] cells of the list, which has `count`: the others go back to
 * their span. How many stay. To a child of fork, which may see this half done, used may be too high, never
 * too low. */
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
    set_wait(span, used, used);
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

/* How far a refill looks. The first cells are read anyway. Those behind are cache misses in a row, for each
 * address comes out of the cell before; malloc's own reads of them overlap with what the program does in
 * between. In a thread that replaces 8 MiB of blocks at random to look at all took a quarter of the time. So
 * the first 1024 refills of a heap do, and then one in 16. (The count begins again after 65536.) */
static uint32_t check_steps(heap_t *heap)
{
    enum { ALL_UNTIL = 1024, ALL_EACH = 16, ALL = 64, FIRST = 2 };
    uint32_t refills = heap->refills++;
    return refills < ALL_UNTIL || refills % ALL_EACH == 0 ? ALL : FIRST;
}

/* What was freed to the span goes to the cache, all of it. The order matters to a child of fork, which may
 * see a span of a vanished thread between any two of these: used may then be too high, never too low. */
ALWAYS_INLINE void *take_free(heap_t *heap, span_t *span)
{
    cell_t *list = span->free;
    span_check_list(span, list, check_steps(heap));
    span_check_stray(span, list);
    if (UNLIKELY(span->absent) && !(list = span_check_absent(span, list)))
        return NULL;
    uint32_t present = span->initialized - span->absent, count = present - span_used(span);
    DEBUG_CHECK(!heap->bins[span->cls] && count > 0);
    set_wait(span, present, present);
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
    set_wait(span, initialized - span->absent, initialized - span->absent);
    __atomic_store_n(&span->initialized, (uint16_t)initialized, __ATOMIC_RELEASE);
    return bin_fill(heap, span, (cell_t *)(void *)first, count);
}

/* Cells that are not resident: those of a hollow page, or untouched ones. */
static bool has_fresh(const span_t *span)
{
    return span->hollow || span->initialized < span->cells;
}

static void *take_fresh(heap_t *heap, span_t *span)
{
    if (LIKELY(!span->hollow))
        return take_untouched(heap, span);
    uint32_t count;
    cell_t *list = hollow_revive(span, &count);
    if (!list)
        return NULL;
    set_wait(span, span_used(span) + count, span_used(span) + count);
    count_add(&heap->counts.freed[span->cls], count);
    return bin_fill(heap, span, list, count);
}

static void span_activate(heap_t *heap, span_t *span)
{
    if (span->state == SPAN_PARTIAL)
        partial_remove(heap, span);
    set_wait(span, span_used(span), span_used(span));
    span_set_state(span, SPAN_ACTIVE);
    heap->active[span->cls] = span;
}

/* A partial span with cells that were in use before, if there is one: they are resident, untouched and hollow
 * ones are not. Those without come last after hollow_heap, and one at a time before the others from refills
 * that prefer another: the first few are looked at. */
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

/* The active span has nothing free: it waits for frees, or, untouched cells left, for its next turn. */
static void span_rest(heap_t *heap, span_t *span)
{
    heap->active[span->cls] = NULL;
    if (has_fresh(span)) {
        partial_push(heap, span);
    } else {
        span_set_state(span, SPAN_FULL);
        set_wait(span, span_used(span), wake_after(span));
    }
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

/* The next sample of the class is this allocation. NULL, and not *is_refused: it is an ordinary one. */
static void *take_sample(heap_t *heap, uint32_t cls, size_t size, bool *is_refused)
{
    bool is_due = UNLIKELY(heap->sampling != NULL) && heap->sampling->until[cls] == 0;
    return is_due ? sampled_alloc(heap, cls, size, is_refused) : NULL;
}

/* What was freed comes first, here, by other threads, in other spans; untouched memory comes last. */
void *span_refill(heap_t *heap, uint32_t cls, size_t size)
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
    if (span && has_fresh(span) && !partial_with_free(heap, cls))
        return take_fresh(heap, span);
    return refill_from_next(heap, cls);
}

/* --- free --- */

void span_event(span_t *span)
{
    heap_t *heap = span->heap;
    DEBUG_CHECK(span->frees_until_event == 0 && span->state != SPAN_NONE);
    if (span->state == SPAN_FULL) {
        partial_push(heap, span);
        return;
    }
    if (UNLIKELY(!span_check_handed_out(span, span->free))) {
        span_check_undo(span);
        return;
    }
    if (span->state != SPAN_PARTIAL || (span->next == 0 && span->prev == 0))
        return;
    partial_remove(heap, span);
    span_discard(heap, span);
}

void span_free_cell(span_t *span, void *p)
{
    cell_t *cell = p;
    DEBUG_CHECK(span->frees_until_event > 0 && span_used(span) <= span->initialized);
    cell->next = span->free;
    cell->tag = span;
    span->free = cell;
    if (--span->frees_until_event == 0)
        span_event(span);
}

void span_deactivate(heap_t *heap, uint32_t cls)
{
    span_t *span = heap->active[cls];
    if (!span)
        return;
    cell_t *list = heap->bins[cls];
    uint32_t returned = 0;
    for (const cell_t *cell = list; cell; cell = cell->next)
        returned++;
    count_add(&heap->counts.returned[cls], returned);
    __atomic_store_n(&heap->bins[cls], NULL, __ATOMIC_RELAXED);
    /* A thread that walks the list in pieces sees that it is not the bin's any more. */
    atomic_thread_fence(memory_order_release);
    for (cell_t *cell = list, *next; cell; cell = next) {
        next = cell->next;
        cell->next = span->free;
        span->free = cell;
    }
    if (UNLIKELY(heap->sampling != NULL))
        heap->sampling->until[cls] += returned;
    heap->active[cls] = NULL;
    uint32_t used = span_used(span) - returned;
    set_wait(span, used, used);
    if (used == 0)
        span_discard(heap, span);
    else if (span->free || has_fresh(span))
        partial_push(heap, span);
    else
        span_rest(heap, span);
}

void span_release_empty(heap_t *heap)
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        span_t *active = heap->active[cls];
        if (active)
            span_deactivate(heap, cls);
        for (uint32_t slot = heap->partial[cls], next; slot; slot = next) {
            span_t *span = span_of_slot(slot);
            next = span->next;
            if (span_used(span) == 0) {
                partial_remove(heap, span);
                span_discard(heap, span);
            }
        }
    }
}
