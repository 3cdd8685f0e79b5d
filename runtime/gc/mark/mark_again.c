/* mark_again: objects that are scanned once more: those that were written during a concurrent trace
 * (watch.h), and those that only a stop may scan, because their type has a trace function of the program.
 */
#include "runtime/cells/span_size.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/marker.h"
#include "runtime/pages/pages.h"

void marker_put_off(marker_t *self, uintptr_t object)
{
    uint32_t slot = region_slot((const void *)object);
    span_t *span = span_of_slot(slot);
    if (!span_is_large(span)) {
        uint32_t cell = bitmaps_cell(span->cls, object % SLOT_SIZE);
        __atomic_fetch_and(&bitmaps_scanned_of(slot)[cell / 64], ~((uint64_t)1 << cell % 64),
                           __ATOMIC_RELAXED);
        self->objects--;
        self->bytes -= span->cell_size;
    }
    collected_set_flag(span, COLLECTED_PUT_OFF);
    atomic_store_explicit(&marker_any_put_off, true, memory_order_relaxed);
}

/* A cell that is scanned and not marked would have to be scanned if it is marked later. There should be none:
 * during a trace no mark is taken back (collected_free). */
void marker_again(marker_t *self, uint32_t slot, uint32_t first, uint32_t end)
{
    while (first < end) {
        uint32_t word = first / 64;
        uint64_t *scanned = &bitmaps_scanned_of(slot)[word], cells = bitmaps_next_ones(&first, end);
        cells &= __atomic_load_n(scanned, __ATOMIC_RELAXED);
        if (cells)
            __atomic_fetch_and(scanned, ~cells, __ATOMIC_SEQ_CST);
        cells &= __atomic_load_n(&bitmaps_of(slot)[word].marks, __ATOMIC_SEQ_CST);
        if (!cells)
            continue;
        size_t count = (size_t)__builtin_popcountll(cells);
        self->objects -= count;
        self->bytes -= count * marker_cell_size[bitmaps_slot_kind(slot).cls];
        marker_make_grey(self, slot, word, (mark_mode_t){.special = true});
    }
}

void mark_again(uint32_t slot, uint32_t first, uint32_t end)
{
    marker_again(&marker_all[0], slot, first, end);
}

void mark_large_again(uint32_t slot, uintptr_t from, uintptr_t to)
{
    enum span_kind kind = objref_kind(span_of_slot(slot));
    if (!(__atomic_load_n(&bitmaps_of(slot)->marks, __ATOMIC_SEQ_CST) & 1) ||
        kind == KIND_NOSCAN) /* it was hidden since its memory is watched */
        return;
    if (kind == KIND_TYPED || !marker_share_object(from, to))
        marker_make_grey(&marker_all[0], slot, 0, (mark_mode_t){.special = true});
}

static void resume(uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    uint32_t words = span_is_large(span) ? 1 : bitmaps_words(span);
    collected_clear_flag(span, COLLECTED_PUT_OFF);
    for (uint32_t word = 0; word < words; word++)
        marker_make_grey(&marker_all[0], slot, word, (mark_mode_t){.special = true});
}

void mark_resume(void)
{
    size_t reach = bitmaps_reach < region.used ? bitmaps_reach : region.used;
    uint32_t end = (uint32_t)(reach >> SLOT_SHIFT);
    for (uint32_t slot = 0; marker_any_put_off && slot < end; slot++) {
        const span_t *span = span_of_slot(slot);
        bool is_typed = span_is_large(span) ? objref_kind(span) == KIND_TYPED
                                            : bitmaps_slot_kind(slot).kind == KIND_TYPED;
        if (is_typed && collected_has_flag(span, COLLECTED_PUT_OFF))
            resume(slot);
    }
}
