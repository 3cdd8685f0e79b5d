/* mark: see mark.h. The loop of a mark worker: spans from the queue, cells from the span, words from the
 * cells. Its inner steps are in marker.h.
 */
#include "runtime/gc/mark/mark.h"

#include <weir/gc.h>

#include "runtime/cells/span_size.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/mark/awake.h"
#include "runtime/gc/mark/marker.h"
#include "runtime/gc/mark/objref.h"
#include "runtime/gc/mark/sparse.h"
#include "runtime/gc/mark/work.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/process/peek.h"

/* --- large objects --- */

static void share_range(void *is_shared, uintptr_t from, uintptr_t to)
{
    *(bool *)is_shared = *(bool *)is_shared && work_share_range(from, to, false);
}

bool marker_share_object(uintptr_t from, uintptr_t to)
{
    bool is_shared = true;
    if (to - from >= SPARSE_MIN)
        sparse_each(from, to, share_range, &is_shared);
    else
        is_shared = work_share_range(from, to, false);
    return is_shared;
}

void marker_found_large(marker_t *self, uint32_t slot, mark_mode_t mode)
{
    span_t *span = span_of_slot(slot);
    self->objects++;
    self->bytes += objref_large_bytes(span);
    if (objref_kind(span) & 1)
        marker_make_grey(self, slot, 0, mode);
}

/* --- scanning --- */

/* The word may lie on a stopped thread's stack, to which sanitizers would object. In a concurrent trace the
 * program may write it at the same time: a write after this load is found by its page (watch.h). */
__attribute__((no_sanitize("address", "thread"))) static inline uintptr_t word_at(const uintptr_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void note_pending(marker_t *self, size_t offset)
{
    uint32_t cell = class_cell_at(self->pending_reciprocal, offset);
    self->pending[cell / 64] |= (uint64_t)1 << cell % 64;
    self->words |= (uint64_t)1 << cell / 64;
}

AS_MODE void scan_words(marker_t *self, uintptr_t from, uintptr_t to, mark_mode_t mode)
{
    const uintptr_t base = region_base, pending = self->pending_start;
    const size_t size = __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE), pending_size = self->pending_size;
    for (const uintptr_t *word = (const uintptr_t *)from; word < (const uintptr_t *)to; word++) {
        uintptr_t p = word_at(word);
        if (p - pending < pending_size)
            note_pending(self, p - pending);
        else if (p - base < size)
            marker_found(self, p - base, mode);
    }
}

/* Scan words of collected objects, where only a pointer to an object's start counts (mark_set_base_only). */
__attribute__((noinline)) static void scan_bases(marker_t *self, uintptr_t from, uintptr_t to)
{
    for (const uintptr_t *word = (const uintptr_t *)from; word < (const uintptr_t *)to; word++) {
        uintptr_t p = word_at(word);
        if (bitmaps_cover((const void *)p) && mark_keeps((const void *)p))
            marker_found(self, p - region_base, marker_mode());
    }
}

static void reach(void *context, const void *p)
{
    if (bitmaps_cover(p))
        marker_found(context, (uintptr_t)p - region_base, marker_mode());
}

static void visit(void *context, const void *p)
{
    if (LIKELY(!marker_state.base_only) || mark_keeps(p))
        reach(context, p);
}

static void scan_bitmap(marker_t *self, uintptr_t object, size_t bytes, const weir_type *type)
{
    size_t words = type->size / sizeof(uintptr_t);
    for (uintptr_t element = object; element + type->size <= object + bytes; element += type->size)
        for (size_t first = 0; first < words; first += 64)
            for (uint64_t bits = type->pointers[first / 64]; bits; bits &= bits - 1) {
                size_t word = first + (size_t)__builtin_ctzll(bits);
                visit(self, (const void *)word_at((const uintptr_t *)element + word));
            }
}

/* The last word of the object points to its type. It is null while the object is being made, and poison after
 * it was freed. */
static void scan_typed(marker_t *self, uintptr_t object, size_t bytes)
{
    bytes -= sizeof(uintptr_t);
    const weir_type *type = (const weir_type *)word_at((const uintptr_t *)(object + bytes));
    if (!type || type == (const weir_type *)COLLECTED_POISON)
        return;
    if (type->trace)
        atomic_store_explicit(&marker_any_function, true, memory_order_relaxed);
    if (type->trace && UNLIKELY(marker_state.beside))
        marker_put_off(self, object);
    else if (type->trace)
        type->trace((const void *)object, bytes / type->size, visit, self);
    else
        scan_bitmap(self, object, bytes, type);
}

/* A range of roots, or of a large object. */
AS_MODE void scan_piece(marker_t *self, uintptr_t from, uintptr_t to, mark_mode_t mode)
{
    if (mode.special && marker_state.base_only && bitmaps_cover((const void *)from) &&
        objref_at((const void *)from))
        scan_bases(self, from, to);
    else
        scan_words(self, from, to, mode);
}

void marker_scan_piece(marker_t *self, uintptr_t from, uintptr_t to)
{
    scan_piece(self, from, to, marker_mode());
}

static void scan_written(void *self, uintptr_t from, uintptr_t to)
{
    marker_scan_piece(self, from, to);
}

/* Scan roots that the program may unmap meanwhile. What cannot be read is left to the last stop. */
static void scan_copied(marker_t *self, uintptr_t from, uintptr_t to)
{
    uintptr_t copy = (uintptr_t)marker_state.copies + (size_t)(self - marker_all) * MARKER_COPY;
    for (; from < to; from += MARKER_COPY) {
        size_t size = to - from < MARKER_COPY ? to - from : MARKER_COPY;
        size_t got = peek((void *)copy, from, size);
        scan_words(self, copy, copy + got / sizeof(uintptr_t) * sizeof(uintptr_t), marker_mode());
        if (got < size) {
            root_watch_lose(from, to);
            return;
        }
    }
}

static void scan_large(marker_t *self, span_t *span)
{
    uintptr_t object = (uintptr_t)span_start(span);
    size_t bytes = objref_large_bytes(span);
    enum span_kind kind = objref_kind(span);
    if (kind == KIND_SCAN && marker_share_object(object, object + bytes))
        return;
    if (kind == KIND_SCAN && bytes >= SPARSE_MIN)
        sparse_each(object, object + bytes, scan_written, self);
    else if (kind == KIND_SCAN)
        scan_piece(self, object, object + bytes, marker_mode());
    else
        scan_typed(self, object, bytes);
}

AS_MODE void scan(marker_t *self, const prefetch_t *object, mark_mode_t mode)
{
    if (UNLIKELY(object->kind == KIND_TYPED))
        scan_typed(self, object->start, object->size);
    else if (mode.special && marker_state.base_only)
        scan_bases(self, object->start, object->start + object->size);
    else
        scan_words(self, object->start, object->start + object->size, mode);
}

/* --- the queue --- */

static void prefetch_word(uint32_t slot)
{
    uint64_t words = __atomic_load_n(&bitmaps_grey[slot].words, __ATOMIC_RELAXED);
    uint32_t word = words ? (uint32_t)__builtin_ctzll(words) : 0;
    __builtin_prefetch(&bitmaps_of(slot)[word], 1);
    __builtin_prefetch(&bitmaps_scanned_of(slot)[word], 1);
}

/* Take the first span of the queue, to scan it. False: the queue is empty. The span's link is read before its
 * grey words are cleared: from then on another marker may queue the span, and use the link. */
AS_MODE bool take_span(marker_t *self, mark_mode_t mode)
{
    uint32_t slot = self->queue.first;
    if (!self->queue.count)
        return false;
    grey_t *grey = &bitmaps_grey[slot];
    if (--self->queue.count)
        prefetch_word(self->queue.first = grey->next);
    self->words = mode.alone ? grey->words : __atomic_exchange_n(&grey->words, 0, __ATOMIC_SEQ_CST);
    if (mode.alone)
        grey->words = 0;
    slot_kind_t is = bitmaps_slot_kind(slot);
    self->slot = slot;
    self->size = marker_cell_size[is.cls];
    self->kind = is.kind;
    self->word = SLOT_WORDS - 1;
    self->pending_start = (uintptr_t)region_address(slot);
    self->pending_size = mode.special || !is.cls ? 0 : SLOT_SIZE;
    self->pending_reciprocal = class_reciprocals[is.cls];
    return true;
}

/* The next grey word of the span after the present one, in a circle: so bits that become pending further up
 * are found in the same round. */
static inline uint32_t take_word(marker_t *self)
{
    uint32_t after = (self->word + 1) % 64;
    uint64_t turned = self->words >> after | self->words << (64 - after) % 64;
    self->word = (after + (uint32_t)__builtin_ctzll(turned)) % 64;
    self->words &= ~((uint64_t)1 << self->word);
    return self->word;
}
_Static_assert(SLOT_WORDS == 64, "all words fit into one");

/* Mark the pending cells of a word. Returns all marks of that word. */
AS_MODE uint64_t take_marks(marker_t *self, uint32_t word, mark_mode_t mode)
{
    bits_t *bits = &bitmaps_of(self->slot)[word];
    uint64_t marks = __atomic_load_n(&bits->marks, __ATOMIC_SEQ_CST);
    uint64_t pending = self->pending[word] & __atomic_load_n(&bits->allocs, __ATOMIC_RELAXED) & ~marks;
    self->pending[word] = 0;
    if (pending && mode.alone)
        bits->marks = marks | pending;
    else if (pending)
        marks = __atomic_fetch_or(&bits->marks, pending, __ATOMIC_SEQ_CST);
    return marks | pending;
}

/* Claim the cells of a word that are marked and not scanned; this marker scans them. Returns their number. */
AS_MODE uint32_t take_cells(marker_t *self, uint32_t word, mark_mode_t mode)
{
    uint64_t *scanned = &bitmaps_scanned_of(self->slot)[word];
    uint64_t marks = take_marks(self, word, mode);
    uint64_t before = __atomic_load_n(scanned, __ATOMIC_RELAXED);
    if (mode.alone)
        *scanned = before | marks;
    else if (marks & ~before)
        before = __atomic_fetch_or(scanned, marks, __ATOMIC_RELAXED);
    self->cells = marks & ~before;
    self->at = (uintptr_t)region_address(self->slot) + (size_t)word * 64 * self->size;
    uint32_t count = (uint32_t)__builtin_popcountll(self->cells);
    self->objects += count;
    self->bytes += (size_t)count * self->size;
    return count;
}

/* --- the loop --- */

AS_MODE void scan_ranges(marker_t *self, mark_mode_t mode)
{
    work_piece_t piece;
    while (work_take_piece(&piece))
        if (UNLIKELY(piece.may_vanish))
            scan_copied(self, piece.from, piece.to);
        else
            scan_piece(self, piece.from, piece.to, mode);
}

/* Scan without prefetching: with many cells in a word, the processor itself sees what is read next. */
AS_MODE void scan_cells(marker_t *self, mark_mode_t mode)
{
    prefetch_t object = {.size = self->size, .kind = self->kind};
    for (uint64_t cells = self->cells; cells; cells &= cells - 1) {
        object.start = self->at + (size_t)__builtin_ctzll(cells) * object.size;
        scan(self, &object, mode);
    }
    self->cells = 0;
}

/* Find the next cells to scan. Ranges come first, and what they point to is marked before any of it is
 * scanned: the more objects of a span are grey, the more are read in sequence. */
AS_MODE bool find_cells(marker_t *self, mark_mode_t mode)
{
    do {
        if (!self->words) {
            self->pending_size = 0;
            scan_ranges(self, mode);
            if (work_is_wanted())
                work_give(&self->queue);
            if (!take_span(self, mode))
                return false;
        }
        if (UNLIKELY(!self->size)) {
            self->words = 0;
            scan_large(self, span_of_slot(self->slot));
        } else if (take_cells(self, take_word(self), mode) >= DENSE) {
            scan_cells(self, mode);
        }
    } while (!self->cells);
    return true;
}

/* The next object enters the prefetch queue. */
static inline void prefetch_object(marker_t *self)
{
    uintptr_t object = self->at + (size_t)__builtin_ctzll(self->cells) * self->size;
    self->cells &= self->cells - 1;
    __builtin_prefetch((const void *)object);
    __builtin_prefetch((const char *)object + 32); /* a cell of 48 bytes may lie in two lines */
    self->prefetch[self->prefetch_in++ % PREFETCH] = (prefetch_t){object, self->size, self->kind};
}

AS_MODE void drain_as(marker_t *self, mark_mode_t mode)
{
    for (;;) {
        if (self->cells || find_cells(self, mode)) {
            prefetch_object(self);
            if (self->prefetch_in - self->prefetch_out < PREFETCH)
                continue;
        } else if (self->prefetch_in == self->prefetch_out) {
            if (self->candidates_in == self->candidates_out)
                return;
            marker_mark_candidates(self, mode);
            continue;
        }
        scan(self, &self->prefetch[self->prefetch_out++ % PREFETCH], mode);
    }
}

static void drain(marker_t *self)
{
    if (marker_state.watching || marker_state.base_only)
        drain_as(self, marker_mode());
    else if (marker_mode().alone)
        drain_as(self, (mark_mode_t){.alone = true});
    else
        drain_as(self, (mark_mode_t){.alone = false});
}

static bool has_more(marker_t *self)
{
    return work_take(&self->queue) || awake_resolve(reach, self);
}

void marker_work(uint32_t member)
{
    marker_t *self = &marker_all[member];
    if (!work_join(member))
        return;
    marker_rescan(self);
    do {
        do
            drain(self);
        while (has_more(self));
    } while (work_wait());
}

/* --- outside of the loop --- */

static void share_root(uintptr_t from, uintptr_t to)
{
    if (!work_share_range(from, to, false))
        scan_words(&marker_all[0], from, to, marker_mode());
}

/* In the first stop of a concurrent trace. */
static void put_off_root(uintptr_t from, uintptr_t to)
{
    enum { PUT_OFF_MIN = 16 * 1024 }; /* from here on it is worth a system call */
    if (to - from >= PUT_OFF_MIN && marker_state.copies && work_share_range(from, to, true))
        root_watch_note(from, to, roots_source().kind == WEIR_ROOT_STATIC);
    else
        scan_words(&marker_all[0], from, to, marker_mode());
}

static void add_root(uintptr_t from, uintptr_t to)
{
    if (from >= to)
        return;
    marker_state.root_bytes += to - from;
    if (marker_state.beside)
        put_off_root(from, to);
    else
        root_watch_each(from, to, share_root);
}

void mark_roots(uintptr_t here)
{
    marker_state.root_bytes = 0;
    roots_each(here, add_root);
}

void mark_root_beside(uintptr_t from, uintptr_t to)
{
    if (!work_share_range(from, to, true))
        scan_copied(&marker_all[0], from, to);
}

void mark_words(uintptr_t from, uintptr_t to)
{
    scan_words(&marker_all[0], from, to, marker_mode());
}

void mark_word(const void *p)
{
    reach(&marker_all[0], p);
}

void mark_contents(const void *object)
{
    span_t *span = span_of_slot(region_slot(object));
    if (span->kind == KIND_NOSCAN)
        return;
    if (span_is_large(span))
        scan_large(&marker_all[0], span);
    else
        scan(&marker_all[0], &(prefetch_t){(uintptr_t)object, span->cell_size, span->kind}, marker_mode());
}
