/* collected_count: see collected.h. Counting, checking, and giving free pages back. */
#include "runtime/gc/cells/collected_span.h"

#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/threads/world.h"

/* --- giving back --- */

/* The pages that only free cells of the span reach into, a bit each. */
static uint32_t free_pages(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    uint32_t pages = 0;
    for (uint32_t first = 0, end; first < span->cells; first = end) {
        first = bitmaps_find(bits, first, span->cells, false);
        end = bitmaps_find(bits, first, span->cells, true);
        uint32_t from = (first * span->cell_size + OS_PAGE - 1) / OS_PAGE;
        uint32_t to = end == span->cells ? SLOT_PAGES : end * span->cell_size / OS_PAGE;
        if (from < to)
            pages |= (1u << to) - (1u << from);
    }
    return pages;
}

/* Release these pages, as far as they are resident: they become hollow (cells/hollow.h). A thread that takes
 * their cells zeroes them first. */
static size_t release_free_pages(span_t *span)
{
    uint32_t resident = ((1u << span->touched) - 1) & ~(uint32_t)span->hollow;
    uint32_t released = hollow_release(span, free_pages(span) & resident);
    span->hollow = (uint16_t)(span->hollow | released);
    return (size_t)__builtin_popcount(released) * OS_PAGE;
}

/* Release the free pages of unclaimed spans only: cells are taken only from claimed spans, and claiming a
 * span needs the lock. */
static size_t trim_spans(uint32_t kind, uint32_t cls)
{
    size_t released = 0;
    world_enter();
    lock_acquire(&collected_lists.lock);
    for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next) {
        span_t *span = span_of_slot(slot);
        if (!__atomic_load_n(&span->heap, __ATOMIC_ACQUIRE) && span->epoch == collected_lists.epoch)
            released += release_free_pages(span);
    }
    lock_release(&collected_lists.lock);
    world_leave();
    return released;
}

bool collected_trim(void)
{
    size_t released = 0;
    if (!collected_is_used())
        return false;
    collected_sweep_rest();
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            released += trim_spans(kind, cls);
    return released > 0;
}

/* --- counting and checking --- */

__attribute__((no_sanitize("thread"))) static uint64_t count_bits(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    uint64_t count = 0;
    for (uint32_t word = 0; word < bitmaps_words(span); word++)
        count += (uint64_t)__builtin_popcountll(bits[word].allocs);
    return count;
}

/* While the owner refills a buffer, the `at` and the `end` that are read may be of different buffers.
 * at >= end counts as empty: the old buffer was empty, and the new cells are not in the `taken` that was read
 * before. at < end may count too many: then mallocs come out too small, which account.c allows. */
__attribute__((no_sanitize("thread"))) static uint64_t count_in_buffers(const collected_t *share,
                                                                        uint32_t cls)
{
    uint64_t cells = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++) {
        const alloc_buffer_t *buffer = &share->buffers[kind][cls];
        const char *end = __atomic_load_n(&buffer->end, __ATOMIC_RELAXED);
        const char *at = __atomic_load_n(&buffer->at, __ATOMIC_RELAXED);
        cells += at < end ? (uint64_t)(end - at) / buffer->size : 0;
    }
    return cells;
}

static void count_live(uint64_t frees[CLASS_COUNT])
{
    lock_acquire(&collected_lists.lock);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                frees[cls] -= count_bits(span_of_slot(slot));
    lock_release(&collected_lists.lock);
}

static const collected_t *share_read(const heap_t *heap)
{
    return __atomic_load_n(&heap->collected, __ATOMIC_ACQUIRE);
}

/* frees = taken - returned - allocated bits. As account.c requires, terms that are added are read before
 * terms that are subtracted. */
void collected_count(uint64_t mallocs[CLASS_COUNT], uint64_t frees[CLASS_COUNT])
{
    if (!collected_is_used())
        return;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        const collected_t *share = share_read(heap);
        for (uint32_t cls = 1; share && cls < CLASS_COUNT; cls++)
            frees[cls] += __atomic_load_n(&share->taken[cls], __ATOMIC_ACQUIRE);
    }
    count_live(frees);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        const collected_t *share = share_read(heap);
        for (uint32_t cls = 1; share && cls < CLASS_COUNT; cls++) {
            mallocs[cls] += __atomic_load_n(&share->taken[cls], __ATOMIC_ACQUIRE);
            mallocs[cls] -= count_in_buffers(share, cls);
            uint64_t returned = __atomic_load_n(&share->returned[cls], __ATOMIC_ACQUIRE);
            mallocs[cls] -= returned;
            frees[cls] -= returned;
        }
    }
}

void collected_verify(void)
{
    lock_acquire(&collected_lists.lock);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            uint32_t before = 0;
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next) {
                const span_t *span = span_of_slot(slot);
                ALWAYS_CHECK(span->prev == before && span->cls == cls && span->kind == kind + KIND_SCAN);
                ALWAYS_CHECK(span->state == SPAN_COLLECTED && span->owner == 0);
                ALWAYS_CHECK(bitmaps_slot_kinds[slot].cls == cls &&
                             bitmaps_slot_kinds[slot].kind == span->kind);
                before = slot;
                ALWAYS_CHECK(span->pile < COLLECTED_PILES);
                ALWAYS_CHECK(span->epoch <= collected_lists.epoch);
                ALWAYS_CHECK(!span->is_offered || !span->heap || span->epoch < collected_lists.epoch);
            }
        }
    lock_release(&collected_lists.lock);
}
