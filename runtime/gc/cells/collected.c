/* collected: see collected.h. Allocating and freeing. */
#include "runtime/gc/cells/collected.h"

#include <errno.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected_span.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/raw.h"
#include "runtime/malloc/shield.h"
#include "runtime/os/copy.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/sampled.h"

/* The size of an allocation buffer. A buffer is zeroed when it is taken; it is so small that it is still in
 * the first-level cache when the program uses it. */
enum { BUFFER_BYTES = 4096 };
/* A thread that looks for free cells sweeps at most this many full spans; then it takes a new span, if it
 * may. After a young trace more of them are full than after a full one: with 8, threads took new spans while
 * others had free cells. */
enum { SWEEPS_MAX = 32 };
/* A thread may have taken less than this and not yet counted it. */
enum { UNCOUNTED_MOST = 32 * 1024 };

/* --- allocating --- */

static collected_t *share_of(heap_t *self)
{
    static _Atomic uint32_t count;
    if (LIKELY(self->collected != NULL))
        return self->collected;
    collected_t *share = pages_metadata(sizeof *share);
    if (!share)
        return NULL;
    share->pile = (uint8_t)(atomic_fetch_add(&count, 1) % COLLECTED_PILES);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            share->buffers[kind][cls].size = class_size(cls);
    __atomic_store_n(&self->collected, share, __ATOMIC_RELEASE); /* the account reads it beside this thread */
    return share;
}

/* Have the hollow pages that the cells [first, end) reach into count as touched again. False: the hard limit
 * does not admit them; then *is_full is set, and the limit is not asked again. */
static bool bring_back(span_t *span, uint32_t first, uint32_t end, bool *is_full)
{
    uint32_t from = first * span->cell_size / OS_PAGE, last = (end * span->cell_size - 1) / OS_PAGE;
    uint32_t pages = span->hollow & ((2u << last) - (1u << from));
    *is_full = *is_full || (pages && !pages_may_touch_inside((uint32_t)__builtin_popcount(pages)));
    if (pages && *is_full)
        return false;
    span->hollow = (uint16_t)(span->hollow & ~pages);
    return true;
}

/* The next free cells of the span, [the result, *end); none if they are equal. If *is_full, cells in hollow
 * pages are passed over: there may be others, here or in another span. */
static uint32_t next_free(span_t *span, uint32_t *end, bool *is_full)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    for (uint32_t from = span->position;; from = *end) {
        uint32_t first = bitmaps_find(bits, from, span->cells, false);
        uint32_t limit = first + (BUFFER_BYTES > span->cell_size ? BUFFER_BYTES / span->cell_size : 1);
        *end = first < span->cells
                   ? bitmaps_find(bits, first, limit < span->cells ? limit : span->cells, true)
                   : first;
        span->position = (uint16_t)first;
        if (first == *end || LIKELY(!span->hollow) || bring_back(span, first, *end, is_full))
            return first;
    }
}

static void bytes_settle(collected_t *share)
{
    atomic_fetch_add_explicit(&collected_bytes_since, share->uncounted, memory_order_relaxed);
    share->uncounted = 0;
}

static void bytes_add(collected_t *share, size_t bytes)
{
    share->uncounted += bytes;
    share->has_taken = true;
    if (share->uncounted >= UNCOUNTED_MOST)
        bytes_settle(share);
}

enum buffer_result { BUFFER_NONE, BUFFER_TAKEN, BUFFER_REFUSED };

/* Set the allocation buffer to the next free cells of the span. NONE: the span has no more. REFUSED: the hard
 * limit does not allow their pages. */
static enum buffer_result buffer_take(heap_t *self, alloc_buffer_t *buffer, span_t *span, bool *is_full)
{
    uint32_t end, first = next_free(span, &end, is_full);
    if (first == end)
        return BUFFER_NONE;
    if (UNLIKELY(self->sampling != NULL))
        end = first + sampled_cut(self->sampling, span, end - first);
    if (!span_touch(span, end))
        return BUFFER_REFUSED;
    span->position = (uint16_t)end;
    size_t bytes = (size_t)(end - first) * span->cell_size;
    char *at = span_start(span) + (size_t)first * span->cell_size;
    memset(at, 0, bytes);
    if (UNLIKELY(collected_lists.tracing))
        bitmaps_blacken(span_slot(span), first, end);
    bitmaps_allocate(span_slot(span), first, end);
    bytes_add(self->collected, bytes);
    buffer->at = at;
    buffer->end = at + bytes;
    count_add(&self->collected->taken[span->cls], end - first);
    return BUFFER_TAKEN;
}

static bool buffer_refill(heap_t *self, collected_t *share, enum span_kind kind, uint32_t cls, bool fresh)
{
    alloc_buffer_t *buffer = &share->buffers[kind - KIND_SCAN][cls];
    span_t **active = &share->active[kind - KIND_SCAN][cls];
    enum buffer_result taken;
    bool is_full = false;
    while (!*active || (taken = buffer_take(self, buffer, *active, &is_full)) == BUFFER_NONE) {
        if (*active)
            collected_span_leave(*active);
        *active = collected_span_claim(self, kind, cls, fresh ? SWEEPS_MAX : UINT32_MAX);
        if (!*active && fresh)
            *active = collected_span_new(self, kind, cls);
        if (!*active)
            return false;
    }
    return taken == BUFFER_TAKEN;
}

/* --- large objects --- */

/* Markers may read the bits meanwhile. */
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

/* False: no memory. */
static bool large_prepare_bits(span_t *span)
{
    lock_acquire(&collected_lists.lock);
    bool done = bitmaps_prepare(span_slot(span), large_slots(large_usable(span)));
    lock_release(&collected_lists.lock);
    return done;
}

/* Make a collected object of a manual one, whose bits are prepared. */
static void large_adopt(span_t *span, enum span_kind kind)
{
    lock_acquire(&collected_lists.lock);
    large_set_bits(span_slot(span), true, collected_lists.born_marked);
    large_describe_tail(span, true);
    __atomic_store_n(&span->kind, (uint8_t)kind, __ATOMIC_RELEASE);
    span_link_all(&collected_lists.large, span);
    collected_bytes_held += large_usable(span);
    lock_release(&collected_lists.lock);
}

static void *large_new(heap_t *self, enum span_kind kind, size_t size, size_t alignment)
{
    char *p = large_alloc(self, size, alignment, true);
    if (!p)
        return NULL;
    span_t *span = span_of_slot(region_slot(p));
    if (large_prepare_bits(span)) {
        large_adopt(span, kind);
    } else {
        large_free(self, span);
        errno = ENOMEM;
        return NULL;
    }
    atomic_fetch_add_explicit(&collected_bytes_since, large_usable(span), memory_order_relaxed);
    return p;
}

/* May a trace beside the program know the large objects that there are? Its markers may be scanning them, or
 * their memory is watched as what it was. Under the lock. */
static bool large_are_held(void)
{
    return collected_lists.tracing || collected_lists.holds_large;
}

/* Take a large object out of the collector's lists, if nothing else knows it: no record, no profile, no
 * trace. False: nothing was done. */
static bool large_leave(span_t *span)
{
    lock_acquire(&collected_lists.lock);
    bool leaves = !large_are_held() && __atomic_load_n(&span->flags, __ATOMIC_RELAXED) == 0 &&
                  bitmaps_of(span_slot(span))->allocs & 1;
    if (leaves)
        collected_large_forget(span);
    lock_release(&collected_lists.lock);
    return leaves;
}

/* No stop falls between large_leave and large_adopt, here and below: so no trace sees the object as a manual
 * one. */
void *collected_grow(heap_t *self, span_t *span, size_t size, bool *moves)
{
    enum span_kind kind = span->kind;
    size_t old = large_usable(span);
    *moves = false;
    if (!pages_is_limited() || !large_leave(span))
        return NULL;
    char *to = large_grow_by_moving(self, span, size, large_prepare_bits, moves);
    if (to) {
        span = span_of_slot(region_slot(to));
        size_t added = large_usable(span) - old;
        if (!os_release(to + old, added)) /* released pages read as zero; locked ones are cleared */
            os_clear_written(to + old, added);
        atomic_fetch_add_explicit(&collected_bytes_since, added, memory_order_relaxed);
    }
    large_adopt(span, kind);
    return to;
}

bool collected_shrink(heap_t *self, span_t *span, size_t size)
{
    enum span_kind kind = span->kind;
    if (!large_leave(span))
        return false;
    bool done = large_shrink(self, span, size);
    large_adopt(span, kind);
    return done;
}

/* The object is not a collected one any more: the caller frees it as a manual one. Under the lock. */
void collected_large_forget(span_t *span)
{
    if (collected_lists.releasing == span_slot(span))
        collected_lists.releasing = span->all_next;
    span_unlink_all(&collected_lists.large, span);
    /* A marked object counts as old once collected_release_dead has passed it. Until that has ended, it may
     * not count yet. */
    if (collected_lists.keeps_marks && !collected_lists.marks_left && bitmaps_of(span_slot(span))->marks & 1)
        collected_count_old(-1, -(ptrdiff_t)large_usable(span));
    bitmaps_set_watch(span_slot(span), 0); /* what comes here next may be larger */
    collected_bytes_held -= large_usable(span);
    large_describe_tail(span, false);
    large_set_bits(span_slot(span), false, false);
    __atomic_store_n(&span->kind, KIND_MANUAL, __ATOMIC_RELAXED);
}

void collected_hide(span_t *span)
{
    lock_acquire(&collected_lists.lock);
    shield_note(span, true);
    if (span->kind == KIND_SCAN)
        __atomic_store_n(&span->kind, KIND_NOSCAN, __ATOMIC_RELEASE);
    lock_release(&collected_lists.lock);
}

/* --- the entries --- */

void *collected_alloc_slow(heap_t *self, enum span_kind kind, size_t size, size_t alignment, bool fresh)
{
    /* The program may protect pages of what is aligned to a page: malloc/shield.h. */
    if (size > SMALL_MAX || alignment >= OS_PAGE)
        return fresh ? large_new(self, kind, size, alignment) : NULL;
    collected_t *share = share_of(self);
    uint32_t cls = alignment > 16 ? raw_class(alignment, size) : class_of(size);
    if (!share)
        return NULL;
    alloc_buffer_t *buffer = &share->buffers[kind - KIND_SCAN][cls];
    bool is_empty = buffer->at == buffer->end,
         is_sample = is_empty && UNLIKELY(sampled_is_due(self, kind, cls));
    if (UNLIKELY(is_sample) && !sampled_collected_begin(self, cls))
        return NULL;
    if (is_empty && !buffer_refill(self, share, kind, cls, fresh)) {
        if (UNLIKELY(is_sample))
            sampled_collected_cancel(cls);
        return NULL;
    }
    if (LIKELY(!options.gcstress))
        cache.buffers = &share->buffers[0][0];
    char *p = buffer->at;
    buffer->at = p + buffer->size;
    if (UNLIKELY(is_sample))
        sampled_collected(self, p, size);
    return p;
}

/* While a trace runs beside the program, the memory of the object stays, and counts as allocated. When the
 * trace has ended, it is given back with the unmarked objects. */
static bool free_collected_large(heap_t *self, span_t *span)
{
    lock_acquire(&collected_lists.lock);
    bits_t *bits = bitmaps_of(span_slot(span));
    bool was_allocated = __atomic_fetch_and(&bits->allocs, ~(uint64_t)1, __ATOMIC_RELEASE) & 1;
    bool now = was_allocated && !large_are_held();
    if (now) {
        atomic_fetch_sub_explicit(&collected_bytes_since, large_usable(span), memory_order_relaxed);
        collected_large_forget(span);
    } else {
        __atomic_fetch_and(&bits->marks, ~(uint64_t)1, __ATOMIC_RELEASE);
    }
    lock_release(&collected_lists.lock);
    if (now)
        large_free(self, span);
    return was_allocated;
}

/* The cell is freed by hand while marks stay: what is allocated in it next is new. An object counts as old
 * from the sweep of its span on. The descriptor is read first: without its mark, the span may be given
 * back. */
COLD static void forget_mark(span_t *span, uint32_t cell)
{
    uint64_t bit = (uint64_t)1 << cell % 64, *marks = &bitmaps_of(span_slot(span))[cell / 64].marks;
    bool counts = __atomic_load_n(&span->epoch, __ATOMIC_RELAXED) == collected_lists.epoch;
    ptrdiff_t size = (ptrdiff_t)span->cell_size;
    bitmaps_forget_scanned(span_slot(span), cell, cell + 1);
    if (__atomic_fetch_and(marks, ~bit, __ATOMIC_RELEASE) & bit && counts)
        collected_count_old(-1, -size);
}

/* Clears the allocs bit and then the marks bit. The mark has to go, too: an unswept span is kept as long as
 * one of its cells is marked. It goes last, because without it the span may be given back at once, and become
 * any thread's. If the span is swept meanwhile, the cell is free afterwards, or is garbage that the next
 * trace finds. The cell can be allocated again when the span is claimed next.
 *
 * While a trace goes on, no mark is taken back: the cell may be a new object by now, born marked, and a
 * rescan passes over words that have led to a marked object (gc/mark/shadow.h). The caller is in a no-stop
 * section, so no trace begins or ends in here. */
bool collected_free(heap_t *self, span_t *span, const void *p)
{
    if (span_is_large(span))
        return free_collected_large(self, span);
    uint32_t cell = bitmaps_cell(span->cls, (uintptr_t)p % SLOT_SIZE);
    if (UNLIKELY(options.poison))
        collected_poison((char *)(uintptr_t)p, span->cell_size);
    if (UNLIKELY(sampled_has_span(span)))
        sampled_collected_free(span, p);
    uint64_t bit = (uint64_t)1 << cell % 64;
    bits_t *word = &bitmaps_of(span_slot(span))[cell / 64];
    if (!(__atomic_fetch_and(&word->allocs, ~bit, __ATOMIC_RELEASE) & bit))
        return false;
    bool enough = __atomic_add_fetch(&span->freed, 1, __ATOMIC_SEQ_CST) == collected_span_worth(span);
    if (UNLIKELY(collected_lists.keeps_marks) && !collected_lists.tracing)
        forget_mark(span, cell);
    else if (LIKELY(!collected_lists.tracing))
        __atomic_fetch_and(&word->marks, ~bit, __ATOMIC_RELEASE);
    if (enough)
        collected_span_reclaim(span);
    return true;
}

size_t collected_table_bytes(void)
{
    lock_acquire(&collected_lists.lock);
    size_t bytes = bitmaps_bytes();
    lock_release(&collected_lists.lock);
    return bytes;
}

bool collected_is_used(void)
{
    return __atomic_load_n(&bitmaps_bits, __ATOMIC_ACQUIRE) != NULL;
}

/* --- threads --- */

/* The ending thread frees the cells left in its allocation buffers, and gives up its spans. */
void collected_thread_end(heap_t *self)
{
    collected_t *share = self->collected;
    cache.buffers = NULL;
    if (!share)
        return;
    bytes_settle(share);
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
            alloc_buffer_t *buffer = &share->buffers[kind][cls];
            uint64_t left = (uint64_t)(buffer->end - buffer->at) / (buffer->size ? buffer->size : 1);
            count_add(&share->returned[cls], left);
            if (UNLIKELY(left && self->sampling))
                self->sampling->until_collected[kind][cls] += (uint32_t)left;
            for (char *p = buffer->at; p != buffer->end; p += buffer->size)
                collected_free(self, span_of_slot(region_slot(p)), p);
            buffer->at = buffer->end = NULL;
            if (share->active[kind][cls])
                collected_span_leave(share->active[kind][cls]);
            share->active[kind][cls] = NULL;
        }
}

bool collected_before_fork(void)
{
    return lock_acquire_soon(&collected_lists.lock);
}

/* A thread that is not in the child may have been in the middle of changing its buffers, so they cannot be
 * trusted and are dropped. The next trace does not reach their cells, so the sweep after it frees them. */
static void forget_buffers(void)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next) {
        collected_t *share = heap == cache.heap ? NULL : heap->collected;
        for (uint32_t kind = 0; share && kind < COLLECTED_KINDS; kind++)
            for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
                share->buffers[kind][cls].at = share->buffers[kind][cls].end = NULL;
                share->active[kind][cls] = NULL;
            }
    }
}

void collected_after_fork(bool child)
{
    if (child) { /* no trace goes on here, and nothing is watched; marks may be half forgotten */
        collected_lists.holds_large = false;
        collected_lists.marks_left = true;
        collected_lists.releasing = 0;
        collected_release.under_way = 0;
    }
    if (child && lock_may_repair(&collected_lists.lock))
        forget_buffers();
    lock_after_fork(&collected_lists.lock, child);
}
