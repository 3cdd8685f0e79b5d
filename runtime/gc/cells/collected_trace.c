/* collected_trace: see collected.h. What the collector does with the cells before and after a trace: black,
 * white, swept. */
#include "runtime/gc/cells/collected_span.h"

#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/orphans.h"
#include "runtime/malloc/shield.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/threads/world.h"

/* How many spans, and large objects, are swept or released before another thread may have the lock. */
enum { SPANS_AT_ONCE = 64, LARGE_AT_ONCE = 4 };
/* How many dead spans stay after a trace, at most. */
enum { KEPT_MOST = 8 * 1024 * 1024 / SLOT_SIZE };

/* --- before and after a trace; in the stopped world --- */

/* Blacken the cells of the buffer; returns how many. */
static size_t buffer_blacken(const alloc_buffer_t *buffer)
{
    if (buffer->at == buffer->end)
        return 0;
    span_t *span = span_of_slot(region_slot(buffer->at));
    uint32_t first = bitmaps_cell(span->cls, (uintptr_t)buffer->at % SLOT_SIZE);
    uint32_t count = (uint32_t)((size_t)(buffer->end - buffer->at) / buffer->size);
    bitmaps_blacken(span_slot(span), first, first + count);
    return count;
}

/* The thread is gone: the cells left in its buffers are garbage. */
static void share_drop_buffers(collected_t *share)
{
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            alloc_buffer_t *buffer = &share->buffers[kind][cls];
            count_add(&share->returned[cls], (size_t)(buffer->end - buffer->at) / buffer->size);
            buffer->at = buffer->end;
        }
}

/* Blacken the allocated cells of a span, which live without being reached. Returns how many were not marked
 * before. */
static size_t span_blacken(uint32_t slot)
{
    size_t count = 0;
    bits_t *bits = bitmaps_of(slot);
    for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++) {
        count += (size_t)__builtin_popcountll(bits[word].allocs & ~bits[word].marks);
        bits[word].marks |= bits[word].allocs;
        bitmaps_scanned_of(slot)[word] |= bits[word].allocs;
    }
    return count;
}

static size_t kept_blacken(void)
{
    size_t black = 0;
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        for (uint32_t slot = collected_lists.spans[KIND_KEPT - KIND_SCAN][cls]; slot;
             slot = span_of_slot(slot)->next) {
            size_t count = span_blacken(slot);
            black += count;
            collected_lists.kept += count * class_size(cls);
        }
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        if (span_of_slot(slot)->kind == KIND_KEPT && !bitmaps_of(slot)->marks) {
            bitmaps_of(slot)->marks = bitmaps_of(slot)->allocs;
            collected_lists.kept += large_usable(span_of_slot(slot));
            black++;
        }
    return black;
}

/* Pass the span's allocated cells to `range`, neighbours as one range. */
static void span_ranges(uint32_t slot, void (*range)(uintptr_t from, uintptr_t to))
{
    const span_t *span = span_of_slot(slot);
    uintptr_t start = (uintptr_t)region_address(slot);
    for (uint32_t first = 0, end = 0; first < span->cells; first = end) {
        first = bitmaps_find(bitmaps_of(slot), first, span->cells, true);
        end = bitmaps_find(bitmaps_of(slot), first, span->cells, false);
        if (first < end)
            range(start + (size_t)first * span->cell_size, start + (size_t)end * span->cell_size);
    }
}

void collected_each_kept(void (*range)(uintptr_t from, uintptr_t to))
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        for (uint32_t slot = collected_lists.spans[KIND_KEPT - KIND_SCAN][cls]; slot;
             slot = span_of_slot(slot)->next)
            span_ranges(slot, range);
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        if (span_of_slot(slot)->kind == KIND_KEPT &&
            !collected_has_flag(span_of_slot(slot), COLLECTED_HIDDEN)) {
            uintptr_t start = (uintptr_t)region_address(slot);
            range(start, start + large_usable(span_of_slot(slot)));
        }
}

/* One that was freed by hand stays on the list until a trace ends, and its pages are accessible again. */
void collected_each_hidden(void (*object)(uintptr_t from, uintptr_t to))
{
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        if (collected_has_flag(span_of_slot(slot), COLLECTED_HIDDEN) && bitmaps_of(slot)->allocs & 1) {
            uintptr_t start = (uintptr_t)region_address(slot);
            object(start, start + large_usable(span_of_slot(slot)));
        }
}

void collected_count_kept(size_t *live, size_t *roots)
{
    *live += collected_lists.kept;
    *roots -= collected_lists.kept < *roots ? collected_lists.kept : *roots;
}

/* Clear the marks of a trace that was abandoned, whose marks were kept for a young one, or whose dead large
 * objects were never released. The latter happens in a child of fork: the thread that collected does not
 * exist there. After this no cell is marked or grey. In the stopped world. */
static void forget_marks(void)
{
    collected_lists.keeps_marks = false;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                bitmaps_whiten(slot, bitmaps_words(span_of_slot(slot)));
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        bitmaps_whiten(slot, 1);
}

bool collected_keeps_marks(void)
{
    return collected_lists.keeps_marks && !collected_lists.tracing && !collected_lists.marks_left;
}

void collected_take_old(size_t *objects, size_t *bytes)
{
    ptrdiff_t number = atomic_exchange_explicit(&collected_old_objects, 0, memory_order_relaxed);
    ptrdiff_t size = atomic_exchange_explicit(&collected_old_bytes, 0, memory_order_relaxed);
    *objects = number > 0 ? (size_t)number : 0;
    *bytes = size > 0 ? (size_t)size : 0;
}

/* Blacken the cells in the heap's buffers; returns how many. ends: the heap gives up its spans as well. It
 * keeps its buffers in either case. */
static size_t share_blacken(collected_t *share, bool ends)
{
    size_t black = 0;
    collected_bytes_since += share->uncounted;
    share->uncounted = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            black += buffer_blacken(&share->buffers[kind][cls]);
            if (ends && share->active[kind][cls]) {
                share->active[kind][cls]->heap = NULL;
                share->active[kind][cls] = NULL;
            }
        }
    return black;
}

static void count_threads(void)
{
    collected_lists.threads = 0;
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap->collected) {
            collected_lists.threads += heap->collected->has_taken;
            heap->collected->has_taken = false;
        }
}

uint32_t collected_threads(void)
{
    return collected_lists.threads;
}

static size_t shares_blacken(bool ends)
{
    size_t black = 0;
    for (heap_t *heap = heaps.all; heap; heap = heap->next) {
        collected_t *share = heap->collected;
        if (!share)
            continue;
        if (heap->status == HEAP_LIVE && heap->thread.id == HEAP_NO_THREAD) {
            share_drop_buffers(share);
            orphans_retire(heap);
        }
        black += share_blacken(share, ends);
    }
    return black + kept_blacken();
}

/* Everything is swept, so: marks ⊆ allocs, and in spans that hold pointers marks == scanned. */
static void check_kept_marks(void)
{
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++) {
                    bits_t bits = bitmaps_of(slot)[word];
                    ALWAYS_CHECK((bits.marks & ~bits.allocs) == 0);
                    ALWAYS_CHECK(kind + KIND_SCAN == KIND_NOSCAN ||
                                 bits.marks == bitmaps_scanned_of(slot)[word]);
                }
}

/* Objects that were to be hidden while that was not possible: swap/protect.c. */
static void hide_large(void)
{
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        if (span_of_slot(slot)->kind == KIND_SCAN && collected_has_flag(span_of_slot(slot), COLLECTED_HIDDEN))
            __atomic_store_n(&span_of_slot(slot)->kind, KIND_NOSCAN, __ATOMIC_RELEASE);
}

size_t collected_begin_trace(bool young)
{
    if (UNLIKELY(atomic_load(&shield_hides_any)))
        hide_large();
    if (young && UNLIKELY(options.gcverify))
        check_kept_marks();
    if (!young && (collected_lists.tracing || collected_lists.marks_left || collected_lists.keeps_marks))
        forget_marks();
    collected_lists.kept = 0;
    collected_lists.born_marked = collected_lists.marks_left = collected_lists.tracing = true;
    return shares_blacken(false);
}

size_t collected_keep_all(void)
{
    size_t bytes = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next) {
                bits_t *bits = bitmaps_of(slot);
                for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++) {
                    bits[word].marks = bits[word].allocs;
                    bytes += (size_t)__builtin_popcountll(bits[word].marks) * class_size(cls);
                }
            }
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next) {
        bitmaps_of(slot)->marks = bitmaps_of(slot)->allocs;
        bytes += large_usable(span_of_slot(slot));
    }
    return bytes;
}

size_t collected_count_marked(void)
{
    size_t count = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++)
                    count += (size_t)__builtin_popcountll(bitmaps_of(slot)[word].marks);
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        count += bitmaps_of(slot)->marks & 1;
    return count;
}

static size_t next_small(void)
{
    lock_acquire(&collected_lists.lock);
    size_t first = bitmaps_next_small();
    lock_release(&collected_lists.lock);
    return first;
}

void collected_back_tables(void)
{
    for (size_t first; (first = next_small()) != BITMAPS_NONE && bitmaps_make_huge(first);) {
        lock_acquire(&collected_lists.lock);
        bitmaps_note_huge(first);
        lock_release(&collected_lists.lock);
    }
}

void collected_hold_large(bool held)
{
    lock_acquire(&collected_lists.lock);
    collected_lists.holds_large = held;
    lock_release(&collected_lists.lock);
}

bool collected_holds_large(void)
{
    lock_acquire(&collected_lists.lock);
    bool held = collected_lists.holds_large;
    lock_release(&collected_lists.lock);
    return held;
}

void collected_end_trace(bool keeps_marks)
{
    shares_blacken(true);
    collected_lists.keeps_marks = keeps_marks;
    count_threads();
    atomic_store_explicit(&collected_bytes_since, 0, memory_order_relaxed);
    collected_lists.tracing = false;
    atomic_store(&collected_release.held, collected_bytes_held);
    atomic_store(&collected_release.under_way, 1);
    memcpy(collected_lists.cursor, collected_lists.spans, sizeof collected_lists.cursor);
    memset(collected_lists.reclaim, 0, sizeof collected_lists.reclaim);
    collected_lists.epoch++;
}

static bool is_unmarked(const span_t *span)
{
    return !bitmaps_any_marked(span_slot(span), bitmaps_words(span));
}

/* Was a cell of the span allocated since it was last swept? */
static bool was_used(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    uint64_t any = 0;
    for (uint32_t word = 0; word < bitmaps_words(span); word++)
        any |= __atomic_load_n(&bits[word].allocs, __ATOMIC_RELAXED);
    return any != 0;
}

/* The lists may be long. A thread that allocates and waits for their lock gets it in between, whenever the
 * caller has done `most` steps since; more often, and most of the time would go into waking. That thread may
 * sweep, link and remove spans meanwhile: so the caller keeps its place in collected_lists. */
static void give_way(uint32_t *steps, uint32_t most)
{
    if (++*steps < most)
        return;
    *steps = 0;
    if (LIKELY(!lock_is_wanted(&collected_lists.lock)))
        return;
    lock_release(&collected_lists.lock);
    world_leave();
    lock_await_taker(&collected_lists.lock);
    world_enter();
    lock_acquire(&collected_lists.lock);
}

/* The next span or large object that is to be looked at. NULL: there is none. */
static span_t *take_next(uint32_t *steps, uint32_t most)
{
    give_way(steps, most);
    return collected_lists.releasing ? span_of_slot(collected_lists.releasing) : NULL;
}

static void whiten_list(uint32_t first, bool large)
{
    uint32_t steps = 0;
    collected_lists.releasing = first;
    for (span_t *span; (span = take_next(&steps, SPANS_AT_ONCE));) {
        collected_lists.releasing = large ? span->all_next : span->next;
        bitmaps_whiten(span_slot(span), large ? 1 : bitmaps_words(span));
    }
}

/* What comes meanwhile is white, and linked before the first that is looked at. */
void collected_forget_marks(void)
{
    if (!collected_lists.keeps_marks)
        return;
    world_enter();
    lock_acquire(&collected_lists.lock);
    collected_lists.marks_left = true; /* until all are white; a child of fork may find it so */
    collected_lists.keeps_marks = false;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            whiten_list(collected_lists.spans[kind][cls], false);
    whiten_list(collected_lists.large, true);
    collected_lists.marks_left = false;
    lock_release(&collected_lists.lock);
    world_leave();
}

/* Starts at the cursor: the spans before it are swept already, and may be some thread's. So are those that
 * the cursor passes meanwhile. Up to `kept` spans that were used in the last cycle stay, because they will be
 * in the next: then their memory is still in the cache of the processor that had them. Returns how many may
 * yet stay. */
static uint32_t release_dead_spans(uint32_t kind, uint32_t cls, uint32_t kept)
{
    world_enter();
    lock_acquire(&collected_lists.lock);
    uint32_t steps = 0;
    collected_lists.releasing = collected_lists.cursor[kind][cls];
    for (span_t *span; (span = take_next(&steps, SPANS_AT_ONCE));) {
        collected_lists.releasing = span->next;
        if (span->epoch == collected_lists.epoch || !is_unmarked(span))
            continue;
        if (kept > 0 && was_used(span)) {
            collected_span_keep(span);
            kept--;
        } else {
            collected_span_discard(span);
        }
    }
    lock_release(&collected_lists.lock);
    world_leave();
    return kept;
}

static void release_or_whiten(heap_t *self, span_t *span)
{
    bits_t *bits = bitmaps_of(span_slot(span));
    if (bits->marks & bits->allocs) {
        if (collected_lists.keeps_marks)
            collected_count_old(1, (ptrdiff_t)large_usable(span));
        else
            bits->marks = 0;
        return;
    }
    if (!bits->allocs) /* freed by hand: it has counted until now */
        atomic_fetch_sub_explicit(&collected_bytes_since, large_usable(span), memory_order_relaxed);
    collected_large_forget(span);
    large_free(self, span);
}

/* Give back the unmarked large objects. The marked ones become white again, for the next cycle, unless marks
 * stay. New ones are white, and linked before the first that is looked at. */
static void release_dead_large(heap_t *self)
{
    world_enter();
    lock_acquire(&collected_lists.lock);
    collected_lists.born_marked = false;
    uint32_t steps = 0;
    collected_lists.releasing = collected_lists.large;
    for (span_t *span; (span = take_next(&steps, LARGE_AT_ONCE));) {
        collected_lists.releasing = span->all_next;
        release_or_whiten(self, span);
    }
    collected_lists.marks_left = false;
    lock_release(&collected_lists.lock);
    world_leave();
}

void collected_release_dead(heap_t *self, bool keeps)
{
    uint32_t kept = keeps ? KEPT_MOST : 0;
    release_dead_large(self);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            kept = release_dead_spans(kind, cls, kept);
    atomic_store(&collected_release.under_way, 0);
    os_futex_wake_all(&collected_release.under_way);
}

bool collected_is_releasing(void)
{
    return atomic_load_explicit(&collected_release.under_way, memory_order_relaxed);
}

void collected_await_release(uint64_t ns)
{
    os_futex_wait_for(&collected_release.under_way, 1, ns);
}

bool collected_outgrows_release(size_t bytes, uint64_t passed)
{
    return collected_bytes_held + bytes > collected_release.held + passed;
}

/* Sweep the span at the cursor, which no thread has claimed, and offer it if it has free cells. Under the
 * lock. */
static void sweep_ahead(uint32_t *cursor)
{
    span_t *span = span_of_slot(*cursor);
    *cursor = span->next;
    if (collected_span_sweep(span) < span->cells)
        collected_span_offer(span);
}

bool collected_sweep(size_t spans)
{
    uint32_t steps = 0;
    world_enter();
    lock_acquire(&collected_lists.lock);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t *cursor = &collected_lists.cursor[kind][cls]; *cursor && spans; spans--) {
                sweep_ahead(cursor);
                give_way(&steps, SPANS_AT_ONCE);
            }
    lock_release(&collected_lists.lock);
    world_leave();
    return spans == 0;
}

void collected_sweep_rest(void)
{
    collected_sweep(SIZE_MAX);
}
