/* collected: see collected.h. */
#include "runtime/heap/collected.h"

#include <errno.h>
#include <string.h>

#include "runtime/heap/large.h"
#include "runtime/heap/raw.h"
#include "runtime/heap/sampled.h"
#include "runtime/heap/slots.h"
#include "runtime/heap/world.h"
#include "runtime/os/check.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

/* Zeroed at once: in the first-level cache when the program comes to it. */
enum { RUN_BYTES = 4096 };
/* A thread that looks for free cells sweeps at most so many spans that have none, unless the limit is
 * near. */
enum { SWEEPS_MAX = 8 };

_Atomic size_t collected_bytes_since, collected_bytes_held;

static struct {
    lock_t lock;
    uint32_t spans[COLLECTED_KINDS][CLASS_COUNT];   /* slots, linked by next and prev; 0: none */
    uint32_t cursor[COLLECTED_KINDS][CLASS_COUNT];  /* the next to sweep; those before it are swept */
    uint32_t reclaim[COLLECTED_KINDS][CLASS_COUNT]; /* swept, nobody's, a quarter of them freed by hand */
    uintptr_t epoch;                                /* how many traces there were */
    uint32_t large;                                 /* large objects, linked by all_next and all_prev */
    size_t kept;                                    /* bytes of KIND_KEPT, at the last trace */
    bool
        born_marked; /* large objects: from the beginning of a trace on until the unmarked ones have been freed */
    bool tracing; /* between collected_begin_trace and collected_end_trace; changed in the stopped world */
} collected = {.lock = LOCK_INIT(LOCK_RANK_COLLECTED)};

/* --- the lists of spans; under the lock --- */

static uint32_t *list_of(const span_t *span)
{
    return &collected.spans[span->kind - KIND_SCAN][span->cls];
}

static void list_remove(span_t *span)
{
    uint32_t *cursor = &collected.cursor[span->kind - KIND_SCAN][span->cls];
    if (*cursor == span_slot(span))
        *cursor = span->next;
    span_unlink(list_of(span), span);
}

/* --- spans --- */

static span_t *span_new(heap_t *self, enum span_kind kind, uint32_t cls)
{
    uint32_t slot = slots_take(kind);
    if (!slot)
        return NULL;
    lock_acquire(&collected.lock);
    bool ready = bitmaps_prepare(slot, 1);
    if (ready) {
        span_t *span = span_of_slot(slot);
        uint32_t size = class_size(cls);
        *span = (span_t){.cell_size = size,
                         .cells = (uint16_t)(SLOT_SIZE / size),
                         .cls = (uint8_t)cls,
                         .kind = (uint8_t)kind,
                         .touched = span->touched,
                         .heap = self};
        memset(bitmaps_of(slot), 0, SLOT_WORDS * sizeof(bits_t));
        memset(bitmaps_scanned_of(slot), 0, SLOT_WORDS * sizeof(uint64_t));
        span->epoch = collected.epoch;
        span_link(list_of(span), span);
        collected_bytes_held += SLOT_SIZE;
        span_set_state(span, SPAN_COLLECTED);
        bitmaps_set_slot_kind(slot, (slot_kind_t){.cls = (uint8_t)cls, .kind = (uint8_t)kind});
    }
    lock_release(&collected.lock);
    if (ready)
        return span_of_slot(slot);
    pages_give(slot, 1, SLOT_PAGES);
    errno = ENOMEM;
    return NULL;
}

/* Word by word: markers may look at one beside the program, and know it. */
static void poison(char *cell, size_t size)
{
    for (size_t at = 0; at < size; at += sizeof(uint64_t))
        __atomic_store_n((uint64_t *)(void *)(cell + at), COLLECTED_POISON, __ATOMIC_RELAXED);
}

static void poison_dead(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    for (uint32_t cell = 0; cell < span->cells; cell++) {
        uint64_t allocs = __atomic_load_n(&bits[cell / 64].allocs, __ATOMIC_RELAXED);
        uint64_t marks = __atomic_load_n(&bits[cell / 64].marks, __ATOMIC_RELAXED);
        if ((allocs & ~marks) >> cell % 64 & 1)
            poison(span_start(span) + (size_t)cell * span->cell_size, span->cell_size);
    }
}

/* Swept, and nothing freed since; under the lock. A thread that vanished in a fork may have claimed it, and
 * not got so far as to say so where a trace would look. */
static void span_renew(span_t *span)
{
    __atomic_store_n(&span->heap, NULL, __ATOMIC_RELAXED);
    span->epoch = collected.epoch;
    __atomic_store_n(&span->freed, 0, __ATOMIC_RELAXED);
    span->is_offered = false;
    span->position = 0;
}

/* What was freed by hand and can be had again no longer counts as allocated; under the lock. */
static void span_settle(span_t *span)
{
    size_t freed = __atomic_exchange_n(&span->freed, 0, __ATOMIC_RELAXED);
    atomic_fetch_sub_explicit(&collected_bytes_since, freed * span->cell_size, memory_order_relaxed);
}

static uint32_t worth_reclaiming(const span_t *span)
{
    return span->cells / 4 + 1;
}

/* The span is swept, nobody's, and has free cells: whoever needs some may claim it. Under the lock. */
static void span_offer(span_t *span)
{
    uint32_t *list = &collected.reclaim[span->kind - KIND_SCAN][span->cls];
    DEBUG_CHECK(!span->heap && span->epoch == collected.epoch);
    if (span->is_offered)
        return;
    span->is_offered = true;
    span->next_offered = *list;
    *list = span_slot(span);
}

/* Enough of the span has been freed to claim it once more, if it is swept and nobody's. */
COLD static void span_reclaim(span_t *span)
{
    lock_acquire(&collected.lock);
    if (!__atomic_load_n(&span->heap, __ATOMIC_ACQUIRE) && span->epoch == collected.epoch) {
        span_settle(span);
        span_offer(span);
    }
    lock_release(&collected.lock);
}

/* Its thread goes on to another one. */
static void span_leave(span_t *span)
{
    __atomic_store_n(&span->heap, NULL, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&span->freed, __ATOMIC_SEQ_CST) >= worth_reclaiming(span))
        span_reclaim(span);
}

/* Cells in use. Others ask meanwhile whether what they hold is allocated, and free it: so each word changes
 * at once. */
static uint32_t span_sweep(span_t *span)
{
    bits_t *bits = bitmaps_of(span_slot(span));
    uint64_t *scanned = bitmaps_scanned_of(span_slot(span));
    uint32_t used = 0;
    if (UNLIKELY(options.poison))
        poison_dead(span);
    if (UNLIKELY(sampled_has_span(span)))
        sampled_collected_sweep(span);
    for (uint32_t word = 0; word < bitmaps_words(span); word++) {
        uint64_t live = __atomic_load_n(&bits[word].marks, __ATOMIC_RELAXED) &
                        __atomic_load_n(&bits[word].allocs, __ATOMIC_ACQUIRE);
        __atomic_store_n(&bits[word].allocs, live, __ATOMIC_RELAXED);
        __atomic_store_n(&bits[word].marks, 0, __ATOMIC_RELAXED);
        scanned[word] = 0;
        used += (uint32_t)__builtin_popcountll(live);
    }
    span_renew(span);
    return used;
}

static void span_discard(span_t *span)
{
    if (UNLIKELY(sampled_has_span(span)))
        sampled_collected_sweep(span);
    list_remove(span);
    bitmaps_set_slot_kind(span_slot(span), (slot_kind_t){.cls = 0});
    collected_bytes_held -= SLOT_SIZE;
    span_set_state(span, SPAN_NONE);
    span->kind = KIND_MANUAL;
    __atomic_store_n(&span->heap, NULL, __ATOMIC_RELAXED);
    pages_give(span_slot(span), 1, SLOT_PAGES);
}

/* The next span at the cursor that has free cells, swept; else one to be reclaimed. */
static span_t *span_claim(heap_t *self, enum span_kind kind, uint32_t cls, uint32_t sweeps)
{
    uint32_t *cursor = &collected.cursor[kind - KIND_SCAN][cls];
    uint32_t *reclaim = &collected.reclaim[kind - KIND_SCAN][cls];
    span_t *found = NULL;
    lock_acquire(&collected.lock);
    for (; *cursor && !found && sweeps > 0; sweeps--) {
        span_t *span = span_of_slot(*cursor);
        *cursor = span->next;
        if (span_sweep(span) < span->cells)
            found = span;
    }
    if (!found && *reclaim) {
        found = span_of_slot(*reclaim);
        *reclaim = found->all_next;
        span_settle(found);
        span_renew(found);
    }
    if (found)
        __atomic_store_n(&found->heap, self, __ATOMIC_RELAXED);
    lock_release(&collected.lock);
    return found;
}

/* --- allocating --- */

static collected_t *share_of(heap_t *self)
{
    if (LIKELY(self->collected != NULL))
        return self->collected;
    collected_t *share = pages_metadata(sizeof *share);
    if (!share)
        return NULL;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            share->runs[kind][cls].size = class_size(cls);
    __atomic_store_n(&self->collected, share, __ATOMIC_RELEASE); /* who counts reads it beside this thread */
    return share;
}

enum run_taken { RUN_NONE, RUN_TAKEN, RUN_REFUSED };

/* The next free cells of a span, as a run. None: it has no more; refused: by the hard limit. */
static enum run_taken run_take(heap_t *self, run_t *run, span_t *span)
{
    bits_t *bits = bitmaps_of(span_slot(span));
    uint32_t first = bitmaps_find(bits, span->position, span->cells, false);
    uint32_t limit = first + (RUN_BYTES > span->cell_size ? RUN_BYTES / span->cell_size : 1);
    uint32_t end = first < span->cells
                       ? bitmaps_find(bits, first, limit < span->cells ? limit : span->cells, true)
                       : first;
    span->position = (uint16_t)first;
    if (first == end)
        return RUN_NONE;
    if (UNLIKELY(self->sampling != NULL))
        end = first + sampled_run(self->sampling, span, end - first);
    if (!span_touch(span, end))
        return RUN_REFUSED;
    span->position = (uint16_t)end;
    size_t bytes = (size_t)(end - first) * span->cell_size;
    char *at = span_start(span) + (size_t)first * span->cell_size;
    memset(at, 0, bytes);
    if (UNLIKELY(collected.tracing))
        bitmaps_blacken(span_slot(span), first, end);
    bitmaps_allocate(span_slot(span), first, end);
    atomic_fetch_add_explicit(&collected_bytes_since, bytes, memory_order_relaxed);
    run->at = at;
    run->end = at + bytes;
    count_add(&self->collected->taken[span->cls], end - first);
    return RUN_TAKEN;
}

static bool run_refill(heap_t *self, collected_t *share, enum span_kind kind, uint32_t cls, bool fresh)
{
    run_t *run = &share->runs[kind - KIND_SCAN][cls];
    span_t **active = &share->active[kind - KIND_SCAN][cls];
    enum run_taken taken;
    while (!*active || (taken = run_take(self, run, *active)) == RUN_NONE) {
        if (*active)
            span_leave(*active);
        *active = span_claim(self, kind, cls, fresh ? SWEEPS_MAX : UINT32_MAX);
        if (!*active && fresh)
            *active = span_new(self, kind, cls);
        if (!*active)
            return false;
    }
    return taken == RUN_TAKEN;
}

/* --- large objects --- */

/* Markers may look at them meanwhile. */
static void large_set_bits(uint32_t slot, bool allocated, bool marked)
{
    bits_t *bits = bitmaps_of(slot);
    __atomic_store_n(&bits->marks, marked, __ATOMIC_RELAXED);
    __atomic_store_n(&bits->allocs, allocated, __ATOMIC_RELEASE);
}

/* Every slot of a collected large object leads to its first, for addresses inside it. */
static void large_describe_tail(span_t *span, bool is_tail)
{
    uint32_t slot = span_slot(span);
    for (uint32_t i = 1; i < large_slots(large_usable(span)); i++) {
        span_t *tail = span_of_slot(slot + i);
        __atomic_store_n(&tail->next, is_tail ? slot : 0, __ATOMIC_RELAXED);
        __atomic_store_n(&tail->state, (uint8_t)(is_tail ? SPAN_TAIL : SPAN_NONE), __ATOMIC_RELEASE);
    }
}

static void *large_new(heap_t *self, enum span_kind kind, size_t size, size_t alignment)
{
    char *p = large_alloc(self, size, alignment, true);
    if (!p)
        return NULL;
    span_t *span = span_of_slot(region_slot(p));
    lock_acquire(&collected.lock);
    bool ready = bitmaps_prepare(span_slot(span), large_slots(large_usable(span)));
    if (ready) {
        large_set_bits(span_slot(span), true, collected.born_marked);
        large_describe_tail(span, true);
        __atomic_store_n(&span->kind, (uint8_t)kind, __ATOMIC_RELEASE);
        span_link_all(&collected.large, span);
        collected_bytes_held += large_usable(span);
    }
    lock_release(&collected.lock);
    if (!ready) {
        large_free(self, span);
        errno = ENOMEM;
        return NULL;
    }
    atomic_fetch_add_explicit(&collected_bytes_since, large_usable(span), memory_order_relaxed);
    return p;
}

/* Under the lock; the caller frees it as a manual one. */
static void large_forget(span_t *span)
{
    span_unlink_all(&collected.large, span);
    collected_bytes_held -= large_usable(span);
    large_describe_tail(span, false);
    large_set_bits(span_slot(span), false, false);
    __atomic_store_n(&span->kind, KIND_MANUAL, __ATOMIC_RELAXED);
}

/* --- the entries --- */

void *collected_alloc_slow(heap_t *self, enum span_kind kind, size_t size, size_t alignment, bool fresh)
{
    if (size > SMALL_MAX || alignment > SMALL_MAX)
        return fresh ? large_new(self, kind, size, alignment) : NULL;
    collected_t *share = share_of(self);
    uint32_t cls = alignment > 16 ? raw_class(alignment, size) : class_of(size);
    if (!share)
        return NULL;
    run_t *run = &share->runs[kind - KIND_SCAN][cls];
    bool is_empty = run->at == run->end, is_sample = is_empty && UNLIKELY(sampled_is_due(self, kind, cls));
    if (is_empty && !run_refill(self, share, kind, cls, fresh))
        return NULL;
    if (LIKELY(!options.gcstress))
        cache.runs = &share->runs[0][0];
    char *p = run->at;
    run->at = p + run->size;
    if (UNLIKELY(is_sample))
        sampled_collected(self, p, size);
    return p;
}

/* While a trace runs beside the program, markers may be in the middle of the object: its memory stays, and
 * counts, until the trace has ended. It goes with the unmarked ones then. */
static bool free_large(heap_t *self, span_t *span)
{
    lock_acquire(&collected.lock);
    bits_t *bits = bitmaps_of(span_slot(span));
    bool was_allocated = __atomic_fetch_and(&bits->allocs, ~(uint64_t)1, __ATOMIC_RELEASE) & 1;
    bool now = was_allocated && !collected.tracing;
    __atomic_fetch_and(&bits->marks, ~(uint64_t)1, __ATOMIC_RELEASE);
    if (now) {
        atomic_fetch_sub_explicit(&collected_bytes_since, large_usable(span), memory_order_relaxed);
        large_forget(span);
    }
    lock_release(&collected.lock);
    if (now)
        large_free(self, span);
    return was_allocated;
}

/* The mark goes too: until the span is swept it is what counts. It goes last: it may be what keeps the span,
 * which as soon as it has gone can be given back, and be anybody's. If the span is swept between the two, or
 * over them, the cell is free, or is found to be garbage by the next trace. The cell can be had when the span
 * is claimed next. */
bool collected_free(heap_t *self, span_t *span, const void *p)
{
    if (span_is_large(span))
        return free_large(self, span);
    uint32_t cell = bitmaps_cell(span->cls, (uintptr_t)p % SLOT_SIZE);
    if (UNLIKELY(options.poison))
        poison((char *)(uintptr_t)p, span->cell_size);
    if (UNLIKELY(sampled_has_span(span)))
        sampled_collected_free(span, p);
    uint64_t bit = (uint64_t)1 << cell % 64;
    bits_t *word = &bitmaps_of(span_slot(span))[cell / 64];
    if (!(__atomic_fetch_and(&word->allocs, ~bit, __ATOMIC_RELEASE) & bit))
        return false;
    bool enough = __atomic_add_fetch(&span->freed, 1, __ATOMIC_SEQ_CST) == worth_reclaiming(span);
    __atomic_fetch_and(&word->marks, ~bit, __ATOMIC_RELEASE);
    if (enough)
        span_reclaim(span);
    return true;
}

size_t collected_table_bytes(void)
{
    lock_acquire(&collected.lock);
    size_t bytes = bitmaps_bytes();
    lock_release(&collected.lock);
    return bytes;
}

bool collected_is_used(void)
{
    return __atomic_load_n(&bitmaps_bits, __ATOMIC_ACQUIRE) != NULL;
}

/* --- around a trace --- */

/* How many cells it had. */
static size_t run_blacken(const run_t *run)
{
    if (run->at == run->end)
        return 0;
    span_t *span = span_of_slot(region_slot(run->at));
    uint32_t first = bitmaps_cell(span->cls, (uintptr_t)run->at % SLOT_SIZE);
    uint32_t count = (uint32_t)((size_t)(run->end - run->at) / run->size);
    bitmaps_blacken(span_slot(span), first, first + count);
    return count;
}

/* What was left in the runs of a thread that is gone is garbage. */
static void share_drop_runs(collected_t *share)
{
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            run_t *run = &share->runs[kind][cls];
            count_add(&share->returned[cls], (size_t)(run->end - run->at) / run->size);
            run->at = run->end;
        }
}

/* What lives without being reached. How many cells that were, of those that are not black. */
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
        for (uint32_t slot = collected.spans[KIND_KEPT - KIND_SCAN][cls]; slot;
             slot = span_of_slot(slot)->next) {
            size_t count = span_blacken(slot);
            black += count;
            collected.kept += count * class_size(cls);
        }
    for (uint32_t slot = collected.large; slot; slot = span_of_slot(slot)->all_next)
        if (span_of_slot(slot)->kind == KIND_KEPT && !bitmaps_of(slot)->marks) {
            bitmaps_of(slot)->marks = bitmaps_of(slot)->allocs;
            collected.kept += large_usable(span_of_slot(slot));
            black++;
        }
    return black;
}

/* Neighbours together. */
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
        for (uint32_t slot = collected.spans[KIND_KEPT - KIND_SCAN][cls]; slot;
             slot = span_of_slot(slot)->next)
            span_ranges(slot, range);
    for (uint32_t slot = collected.large; slot; slot = span_of_slot(slot)->all_next)
        if (span_of_slot(slot)->kind == KIND_KEPT) {
            uintptr_t start = (uintptr_t)region_address(slot);
            range(start, start + large_usable(span_of_slot(slot)));
        }
}

void collected_count_kept(size_t *live, size_t *roots)
{
    *live += collected.kept;
    *roots -= collected.kept < *roots ? collected.kept : *roots;
}

/* What a trace has left that was abandoned, or whose large objects were not released, as in a child of fork
 * that has not the collector: no cell is marked, and nothing is grey. */
static void forget_marks(void)
{
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                bitmaps_whiten(slot, bitmaps_words(span_of_slot(slot)));
    for (uint32_t slot = collected.large; slot; slot = span_of_slot(slot)->all_next)
        bitmaps_whiten(slot, 1);
}

/* How many cells are black for it. `ends`: the heap is to have no more runs, or none of its spans. */
static size_t share_blacken(collected_t *share, bool ends)
{
    size_t black = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            black += run_blacken(&share->runs[kind][cls]);
            if (ends && share->active[kind][cls]) {
                share->active[kind][cls]->heap = NULL;
                share->active[kind][cls] = NULL;
            }
        }
    return black;
}

static size_t shares_blacken(bool ends)
{
    size_t black = 0;
    for (heap_t *heap = heaps.all; heap; heap = heap->next) {
        collected_t *share = heap->collected;
        if (!share)
            continue;
        if (heap->status == HEAP_LIVE && heap->thread == WORLD_NO_THREAD) {
            share_drop_runs(share);
            thread_retire(heap);
        }
        black += share_blacken(share, ends);
    }
    return black + kept_blacken();
}

size_t collected_begin_trace(void)
{
    if (UNLIKELY(collected.tracing || collected.born_marked))
        forget_marks();
    collected.kept = 0;
    collected.born_marked = collected.tracing = true;
    return shares_blacken(false);
}

size_t collected_keep_all(void)
{
    size_t bytes = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected.spans[kind][cls]; slot; slot = span_of_slot(slot)->next) {
                bits_t *bits = bitmaps_of(slot);
                for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++) {
                    bits[word].marks = bits[word].allocs;
                    bytes += (size_t)__builtin_popcountll(bits[word].marks) * class_size(cls);
                }
            }
    for (uint32_t slot = collected.large; slot; slot = span_of_slot(slot)->all_next) {
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
            for (uint32_t slot = collected.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++)
                    count += (size_t)__builtin_popcountll(bitmaps_of(slot)[word].marks);
    for (uint32_t slot = collected.large; slot; slot = span_of_slot(slot)->all_next)
        count += bitmaps_of(slot)->marks & 1;
    return count;
}

void collected_end_trace(void)
{
    shares_blacken(true);
    atomic_store_explicit(&collected_bytes_since, 0, memory_order_relaxed);
    collected.tracing = false;
    memcpy(collected.cursor, collected.spans, sizeof collected.cursor);
    memset(collected.reclaim, 0, sizeof collected.reclaim);
    collected.epoch++;
}

static bool is_unmarked(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    uint64_t any = 0;
    for (uint32_t word = 0; word < bitmaps_words(span); word++)
        any |= __atomic_load_n(&bits[word].marks, __ATOMIC_ACQUIRE);
    return any == 0;
}

/* From the cursor on: what was claimed before is swept and somebody's. */
static void release_dead_spans(uint32_t kind, uint32_t cls)
{
    world_enter();
    lock_acquire(&collected.lock);
    for (uint32_t slot = collected.cursor[kind][cls], next; slot; slot = next) {
        span_t *span = span_of_slot(slot);
        next = span->next;
        if (is_unmarked(span))
            span_discard(span);
    }
    lock_release(&collected.lock);
    world_leave();
}

/* Marked ones begin the next cycle white. */
static void release_dead_large(heap_t *self)
{
    world_enter();
    lock_acquire(&collected.lock);
    for (uint32_t slot = collected.large, next; slot; slot = next) {
        span_t *span = span_of_slot(slot);
        next = span->all_next;
        if (!(bitmaps_of(slot)->marks & bitmaps_of(slot)->allocs)) {
            if (!bitmaps_of(slot)->allocs) /* freed by hand: it has counted until now */
                atomic_fetch_sub_explicit(&collected_bytes_since, large_usable(span), memory_order_relaxed);
            large_forget(span);
            large_free(self, span);
        } else {
            bitmaps_of(slot)->marks = 0;
        }
    }
    collected.born_marked = false;
    lock_release(&collected.lock);
    world_leave();
}

void collected_release_dead(heap_t *self)
{
    release_dead_large(self);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            release_dead_spans(kind, cls);
}

/* Under the lock. Nobody has it: what it has free is offered. */
static void sweep_ahead(uint32_t *cursor)
{
    span_t *span = span_of_slot(*cursor);
    *cursor = span->next;
    if (span_sweep(span) < span->cells)
        span_offer(span);
}

bool collected_sweep(size_t spans)
{
    world_enter();
    lock_acquire(&collected.lock);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t *cursor = &collected.cursor[kind][cls]; *cursor && spans; spans--)
                sweep_ahead(cursor);
    lock_release(&collected.lock);
    world_leave();
    return spans == 0;
}

void collected_sweep_rest(void)
{
    collected_sweep(SIZE_MAX);
}

/* --- giving back --- */

/* The pages that only free cells of the span reach into. Who takes those clears them first. */
static size_t release_free_pages(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    size_t released = 0;
    for (uint32_t first = 0, end; first < span->cells; first = end) {
        first = bitmaps_find(bits, first, span->cells, false);
        end = bitmaps_find(bits, first, span->cells, true);
        size_t from = ((size_t)first * span->cell_size + OS_PAGE - 1) & ~(size_t)(OS_PAGE - 1);
        size_t to = end == span->cells ? SLOT_SIZE : (size_t)end * span->cell_size & ~(size_t)(OS_PAGE - 1);
        if (from < to && os_release(span_start(span) + from, to - from))
            released += to - from;
    }
    return released;
}

/* Cells are only taken from a span that somebody has claimed, which is done under the lock. */
static size_t trim_spans(uint32_t kind, uint32_t cls)
{
    size_t released = 0;
    world_enter();
    lock_acquire(&collected.lock);
    for (uint32_t slot = collected.spans[kind][cls]; slot; slot = span_of_slot(slot)->next) {
        span_t *span = span_of_slot(slot);
        if (!__atomic_load_n(&span->heap, __ATOMIC_ACQUIRE) && span->epoch == collected.epoch)
            released += release_free_pages(span);
    }
    lock_release(&collected.lock);
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

/* --- threads --- */

/* What is left of its runs is free again from the next sweep on. */
void collected_thread_end(heap_t *self)
{
    collected_t *share = self->collected;
    cache.runs = NULL;
    if (!share)
        return;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            run_t *run = &share->runs[kind][cls];
            uint64_t left = (uint64_t)(run->end - run->at) / (run->size ? run->size : 1);
            count_add(&share->returned[cls], left);
            if (UNLIKELY(left && self->sampling))
                self->sampling->until_collected[kind][cls] += (uint32_t)left;
            for (char *p = run->at; p != run->end; p += run->size)
                collected_free(self, span_of_slot(region_slot(p)), p);
            run->at = run->end = NULL;
            if (share->active[kind][cls])
                span_leave(share->active[kind][cls]);
            share->active[kind][cls] = NULL;
        }
}

bool collected_before_fork(void)
{
    return lock_acquire_soon(&collected.lock);
}

/* A thread that is not in the child may have been about to change its runs: half of one says nothing. Their
 * cells are free again from the sweep after the next trace. */
static void forget_runs(void)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next) {
        collected_t *share = heap == cache.heap ? NULL : heap->collected;
        for (uint32_t kind = 0; share && kind < COLLECTED_KINDS; kind++)
            for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
                share->runs[kind][cls].at = share->runs[kind][cls].end = NULL;
                share->active[kind][cls] = NULL;
            }
    }
}

void collected_after_fork(bool child)
{
    if (child && lock_may_repair(&collected.lock))
        forget_runs();
    lock_after_fork(&collected.lock, child);
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

/* Of a run that is just being filled the two ends may not fit: then it was empty, which is no more than was
 * taken. */
__attribute__((no_sanitize("thread"))) static uint64_t count_in_runs(const collected_t *share, uint32_t cls)
{
    uint64_t cells = 0;
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++) {
        const run_t *run = &share->runs[kind][cls];
        const char *end = __atomic_load_n(&run->end, __ATOMIC_RELAXED);
        const char *at = __atomic_load_n(&run->at, __ATOMIC_RELAXED);
        cells += at < end ? (uint64_t)(end - at) / run->size : 0;
    }
    return cells;
}

static void count_live(uint64_t frees[CLASS_COUNT])
{
    lock_acquire(&collected.lock);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                frees[cls] -= count_bits(span_of_slot(slot));
    lock_release(&collected.lock);
}

static const collected_t *share_read(const heap_t *heap)
{
    return __atomic_load_n(&heap->collected, __ATOMIC_ACQUIRE);
}

/* frees = taken - returned - allocated bits. In the order that account.c asks for: first what adds, last what
 * takes away. */
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
            mallocs[cls] -= count_in_runs(share, cls);
            uint64_t returned = __atomic_load_n(&share->returned[cls], __ATOMIC_ACQUIRE);
            mallocs[cls] -= returned;
            frees[cls] -= returned;
        }
    }
}

void collected_verify(void)
{
    lock_acquire(&collected.lock);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            uint32_t before = 0;
            for (uint32_t slot = collected.spans[kind][cls]; slot; slot = span_of_slot(slot)->next) {
                const span_t *span = span_of_slot(slot);
                ALWAYS_CHECK(span->prev == before && span->cls == cls && span->kind == kind + KIND_SCAN);
                ALWAYS_CHECK(span->state == SPAN_COLLECTED && span->owner == 0);
                ALWAYS_CHECK(bitmaps_slot_kinds[slot].cls == cls &&
                             bitmaps_slot_kinds[slot].kind == span->kind);
                before = slot;
                ALWAYS_CHECK(span->epoch <= collected.epoch);
                ALWAYS_CHECK(!span->is_offered || !span->heap || span->epoch < collected.epoch);
            }
        }
    lock_release(&collected.lock);
}
