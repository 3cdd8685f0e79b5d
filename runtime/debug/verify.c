/* verify: see verify.h. */
#include "runtime/debug/verify.h"

#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"
#include "runtime/debug/misuse.h"
#include "runtime/pages/pages.h"

#define CHECK(condition, what, where)                                                                        \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            misuse_corrupted(what, where);                                                                   \
    } while (0)

/* The length of a list of free cells, all of them of this span and tagged. */
static uint32_t list_length(const span_t *span, const cell_t *list)
{
    uint32_t length = 0;
    for (const cell_t *cell = list; cell; cell = cell->next, length++) {
        size_t offset = (uintptr_t)cell - (uintptr_t)span_start(span);
        CHECK(offset < SLOT_SIZE && offset % span->cell_size == 0, "free list leaves its span at", cell);
        CHECK(offset / span->cell_size < span->initialized, "free list runs into untouched cells at", cell);
        CHECK(!hollow_has(span, cell), "free list runs into hollow pages at", cell);
        CHECK(cell->tag == span, "free cell without its tag at", cell);
        CHECK(length < span->initialized, "free list has a loop at", cell);
    }
    return length;
}

static uint32_t absent_cells(const span_t *span)
{
    uint32_t count = 0;
    for (uint32_t i = 0; span->hollow && i < span->initialized; i++)
        count += hollow_has(span, (cell_t *)(void *)(span_start(span) + (size_t)i * span->cell_size));
    return count;
}

/* used + |free| + absent == initialized <= cells; what is in the thread cache counts as used. */
static void verify_span(const heap_t *heap, const span_t *span)
{
    const char *start = span_start(span);
    uint32_t free = list_length(span, span->free);
    uint32_t cached = span->state == SPAN_ACTIVE ? list_length(span, heap->bins[span->cls]) : 0;
    CHECK(span->heap == heap, "span of another heap on the list at", start);
    CHECK(span->owner == (heap->closed ? 0 : heap->word), "span with another owner at", start);
    CHECK(span->cell_size == class_size(span->cls), "span of a wrong cell size at", start);
    CHECK(span->initialized <= span->cells && span->cells == SLOT_SIZE / span->cell_size, "span overfull at",
          start);
    CHECK(span_used(span) + free + span->absent == span->initialized, "span does not add up at", start);
    CHECK(absent_cells(span) == span->absent, "hollow pages and absent cells differ at", start);
    CHECK(cached <= span_used(span), "more cells cached than in use at", start);
    CHECK(span->state != SPAN_ACTIVE || heap->active[span->cls] == span, "active span unknown at", start);
    CHECK(span->state != SPAN_FULL || span->frees_until_event > 0, "full span overdue at", start);
}

void verify_heap(const heap_t *heap)
{
    uint32_t partial = 0, on_lists = 0, before = 0;
    for (uint32_t slot = heap->spans; slot; slot = span_of_slot(slot)->all_next) {
        const span_t *span = span_of_slot(slot);
        CHECK(span->all_prev == before, "list of spans is broken at", span_start(span));
        before = slot;
        verify_span(heap, span);
        partial += span->state == SPAN_PARTIAL;
    }
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        const span_t *active = heap->active[cls];
        CHECK(!active || (active->state == SPAN_ACTIVE && active->cls == cls), "wrong active span at",
              active);
        CHECK(active || !heap->bins || !heap->bins[cls], "cached cells without a span at", heap);
        for (uint32_t slot = heap->partial[cls]; slot; slot = span_of_slot(slot)->next, on_lists++)
            CHECK(span_of_slot(slot)->cls == cls && span_of_slot(slot)->state == SPAN_PARTIAL,
                  "wrong partial span at", region_address(slot));
    }
    CHECK(partial == on_lists, "partial spans are lost", heap);
    pages_verify();
}
