/* span: the life of a small span.
 *
 *                     list empty, span exhausted              enough frees
 *     new --> ACTIVE ----------------------------> FULL ---------------------> PARTIAL --> ACTIVE (refill)
 *                                                                                 |
 *                                                                                 +------> given back (empty)
 *
 * A full span waits until a sixteenth of its cells is free (at most 32), so that a refill brings more than
 * one. A partial span that empties is given back unless it is the class's only partial one: otherwise a
 * program that frees and allocates around a span's boundary would give and take it each time.
 */
#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"
#include "runtime/cells/span_size.h"
#include "runtime/cycle/cycle.h"
#include "runtime/debug/span_check.h"
#include "runtime/debug/verify.h"
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

void span_move(heap_t *from, heap_t *to, span_t *span)
{
    bool is_partial = span->state == SPAN_PARTIAL;
    if (is_partial)
        span_partial_remove(from, span);
    span_unlink_all(&from->spans, span);
    __atomic_store_n(&span->heap, to, __ATOMIC_RELAXED);
    __atomic_store_n(&span->owner, to->word, __ATOMIC_RELAXED);
    span_link_all(&to->spans, span);
    if (is_partial)
        span_partial_push(to, span);
}

/* --- new and old spans --- */

/* The new span, and further ones, will be used up soon if its cells leave no page of the slot untouched, and
 * the heap has handed out many cells of the class. Otherwise a thread that needs one cell of each class would
 * get 2 MiB for each. */
static enum span_backing backing_of(const heap_t *heap, uint32_t cls)
{
    enum { HANDED_OUT = 1024 * 1024 };
    bool is_many = heap->counts.taken[cls] >= HANDED_OUT / class_size(cls);
    return is_many && SLOT_SIZE % class_size(cls) < OS_PAGE ? BACKED_BY_HUGE : BACKED_AS_BEFORE;
}

span_t *span_new(heap_t *heap, uint32_t cls)
{
    uint32_t slot = spare_take_small(heap);
    if (!slot)
        slot = pages_take_span(backing_of(heap, cls));
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

void span_rest(heap_t *heap, span_t *span)
{
    heap->active[span->cls] = NULL;
    if (span_has_fresh(span)) {
        span_partial_push(heap, span);
    } else {
        span_set_state(span, SPAN_FULL);
        span_set_wait(span, span_used(span), wake_after(span));
    }
}

/* --- free --- */

void span_event(span_t *span)
{
    heap_t *heap = span->heap;
    DEBUG_CHECK(span->frees_until_event == 0 && span->state != SPAN_NONE);
    if (span->state == SPAN_FULL) {
        span_partial_push(heap, span);
        return;
    }
    if (UNLIKELY(!span_check_handed_out(span, span->free))) {
        span_check_undo(span);
        return;
    }
    if (span->state != SPAN_PARTIAL || (span->next == 0 && span->prev == 0))
        return;
    span_partial_remove(heap, span);
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
    /* A thread that walks the list meanwhile (account.c) sees that it is not the bin's any more. */
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
    span_set_wait(span, used, used);
    if (used == 0)
        span_discard(heap, span);
    else if (span->free || span_has_fresh(span))
        span_partial_push(heap, span);
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
                span_partial_remove(heap, span);
                span_discard(heap, span);
            }
        }
    }
}
