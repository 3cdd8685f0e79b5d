/* span: the life of a small span: taking cells back, and giving the span up when it is empty. Which list a
 * span is on: cells/cache.h.
 *
 * This folder: manual cells and large objects: how a thread allocates them from its own spans and those of
 * ended threads, and frees them, also into spans of other threads. Nothing here knows of collected or
 * hardened memory.
 */
#ifndef WEIR_MALLOC_SPAN_H
#define WEIR_MALLOC_SPAN_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/os/check.h"
#include "runtime/region/region.h"

/* A new active span of the class; no cell is initialized yet. NULL: out of memory. */
span_t *span_new(heap_t *heap, uint32_t cls);
/* The active span has no freed cells. If it has untouched or hollow ones it becomes partial; else it is full
 * and waits for frees. */
void span_rest(heap_t *heap, span_t *span);
/* Give a cell back to its span; the caller owns the span. */
void span_free_cell(span_t *span, void *p);
/* span->frees_until_event has reached zero. */
void span_event(span_t *span);
/* Move a span that is not active between heaps; the caller owns both. */
void span_move(heap_t *from, heap_t *to, span_t *span);
/* Put the class's list back into its span. The span becomes partial or full, or is given back if it is
 * empty. */
void span_deactivate(heap_t *heap, uint32_t cls);
/* Give back the spans of which no cell is in use. */
void span_release_empty(heap_t *heap);

/* --- for span.c and refill.c --- */

/* Both halves are stored as one word, because other threads read their sum. */
static inline void span_set_wait(span_t *span, uint32_t used, uint32_t wait)
{
    __atomic_store_n(&span->waits, span_waits(used, wait), __ATOMIC_RELAXED);
}

static inline void span_partial_push(heap_t *heap, span_t *span)
{
    DEBUG_CHECK(span->heap == heap && heap->active[span->cls] != span);
    span_set_state(span, SPAN_PARTIAL);
    span_set_wait(span, span_used(span), span_used(span));
    span_link(&heap->partial[span->cls], span);
}

static inline void span_partial_remove(heap_t *heap, span_t *span)
{
    DEBUG_CHECK(span->heap == heap && span->state == SPAN_PARTIAL);
    DEBUG_CHECK(span->prev ? span_of_slot(span->prev)->next == span_slot(span)
                           : heap->partial[span->cls] == span_slot(span));
    span_unlink(&heap->partial[span->cls], span);
}

/* Cells that are not resident: those of a hollow page, or untouched ones. */
static inline bool span_has_fresh(const span_t *span)
{
    return span->hollow || span->initialized < span->cells;
}

#endif
