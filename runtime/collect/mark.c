/* mark: see mark.h. */
#include "runtime/collect/mark.h"

#include <stdatomic.h>
#include <string.h>
#include <weir/gc.h>

#include "runtime/collect/ephemeron.h"
#include "runtime/collect/objref.h"
#include "runtime/collect/roots.h"
#include "runtime/collect/sparse.h"
#include "runtime/collect/work.h"
#include "runtime/collect/workers.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/large.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum {
    CANDIDATES = 16,
    PREFETCH = 32,
    DENSE = 16, /* cells of 64 */
};

/* An object that is being prefetched. */
typedef struct prefetch {
    uintptr_t start;
    uint32_t size, kind;
} prefetch_t;

/* One for each mark worker; only its own, but `bytes` and `objects`, which the collector adds up. */
typedef struct marker {
    queue_t queue;
    /* The span that it is at, its present word of the bitmap, and what is left: other words, and cells of
     * this one. */
    uint32_t slot, size, kind, word;
    uint64_t words, cells;
    uintptr_t at; /* the first cell of the present word */
    /* Pending bits: cells of that same span that were found, and are marked when their word's turn comes. What
     * a program builds at once points mostly to what lies nearby. pending[i] ≠ 0 ⇒ words has bit i. */
    uintptr_t pending_start;
    size_t pending_size; /* bytes; 0: at no span, or at one where there is more to do than to mark */
    uint32_t pending_reciprocal;
    uint64_t pending[SLOT_WORDS];
    /* Both circular; counted are those that ever left, and ever entered. */
    objref_t candidates[CANDIDATES]; /* whose bits are on their way */
    uint32_t candidates_out, candidates_in;
    prefetch_t prefetch[PREFETCH]; /* the prefetch queue */
    uint32_t prefetch_out, prefetch_in;
    size_t bytes, objects;
} __attribute__((aligned(64))) marker_t;

/* What the loop is compiled for. */
typedef struct mode {
    bool alone;   /* no other marker, and the world stands still: changes need not be atomic */
    bool special; /* some span is WATCHED, or not every pointer counts */
} mode_t;
#define AS_MODE static inline __attribute__((always_inline))

/* In the runtime's own memory, which is no root: they are full of addresses. */
static marker_t *markers;

/* Written by the collector, with no marker at work. */
static struct {
    uint32_t members;
    bool base_only; /* in this collection; see mark_set_base_only */
    bool watching;  /* some span is WATCHED */
    bool beside;    /* the program runs */
    size_t root_bytes;
} marking;

static uint32_t cell_size[CLASS_COUNT];
static uint32_t prepared;        /* markers */
static _Atomic bool base_only;   /* from the next collection on */
static _Atomic bool any_put_off; /* some span is COLLECTED_PUT_OFF */

/* --- marking --- */

/* Queue the span: an object whose bits lie in this word is marked and not scanned. A marker that finds the
 * bit set need not queue it again: the marker that will clear the bit reads the marks after that. Hence the
 * order that everybody keeps: set the mark before greying; clear grey before reading marks. Then no object is
 * missed. */
AS_MODE void make_grey(marker_t *self, uint32_t slot, uint32_t word, mode_t mode)
{
    uint64_t *words = &bitmaps_grey[slot].words;
    uint64_t before = __atomic_load_n(words, __ATOMIC_SEQ_CST);
    if (before >> word & 1)
        return;
    if (mode.alone)
        *words = before | (uint64_t)1 << word;
    else
        before = __atomic_fetch_or(words, (uint64_t)1 << word, __ATOMIC_SEQ_CST);
    if (!before)
        work_add(&self->queue, slot);
}

static void share_range(void *is_shared, uintptr_t from, uintptr_t to)
{
    *(bool *)is_shared = *(bool *)is_shared && work_share_range(from, to);
}

/* False: not all of the object found a place among the ranges. */
static bool share_object(uintptr_t from, uintptr_t to)
{
    bool is_shared = true;
    if (to - from >= SPARSE_MIN)
        sparse_each(from, to, share_range, &is_shared);
    else
        is_shared = work_share_range(from, to);
    return is_shared;
}

static void found_large(marker_t *self, uint32_t slot, mode_t mode)
{
    span_t *span = span_of_slot(slot);
    uintptr_t start = (uintptr_t)span_start(span);
    size_t bytes = objref_large_bytes(span);
    self->objects++;
    self->bytes += bytes;
    enum span_kind kind = objref_kind(span);
    if (kind == KIND_TYPED || (kind == KIND_SCAN && !share_object(start, start + bytes)))
        make_grey(self, slot, 0, mode);
}

/* True: it was not, until now. */
AS_MODE bool set_mark(objref_t target, mode_t mode)
{
    bits_t *bits = objref_bits(target);
    uint64_t before = __atomic_load_n(&bits->marks, __ATOMIC_RELAXED), bit = (uint64_t)1 << target % 64;
    if (objref_has_bit(before, target) ||
        !objref_has_bit(__atomic_load_n(&bits->allocs, __ATOMIC_RELAXED), target))
        return false;
    if (mode.alone)
        bits->marks = before | bit;
    else
        before = __atomic_fetch_or(&bits->marks, bit, __ATOMIC_SEQ_CST);
    return mode.alone || !objref_has_bit(before, target);
}

AS_MODE void mark(marker_t *self, objref_t target, mode_t mode)
{
    if (!set_mark(target, mode))
        return;
    if (mode.special && marking.watching &&
        collected_has_flag(span_of_slot(objref_slot(target)), COLLECTED_WATCHED))
        ephemerons_wake(objref_start(target));
    if (LIKELY(target >> KIND_SHIFT & 1)) {
        make_grey(self, objref_slot(target), objref_cell(target) / 64, mode);
    } else if (objref_cls(target)) {
        self->objects++;
        self->bytes += cell_size[objref_cls(target)];
    } else {
        found_large(self, objref_slot(target), mode);
    }
}

/* A word with that offset in the region has been found: what it points to is looked at when its bits have
 * come, CANDIDATES words later. */
AS_MODE void found(marker_t *self, size_t offset, mode_t mode)
{
    objref_t target = objref_of(offset);
    if (UNLIKELY(!target))
        return;
    __builtin_prefetch(objref_bits(target), 1);
    objref_t *place = &self->candidates[self->candidates_in++ % CANDIDATES], oldest = *place;
    *place = target;
    if (LIKELY(self->candidates_in - self->candidates_out > CANDIDATES)) {
        self->candidates_out++;
        mark(self, oldest, mode);
    }
}

AS_MODE void mark_candidates(marker_t *self, mode_t mode)
{
    while (self->candidates_out != self->candidates_in)
        mark(self, self->candidates[self->candidates_out++ % CANDIDATES], mode);
}

/* --- scanning --- */

static mode_t mode_now(void)
{
    return (mode_t){.alone = marking.members == 1 && !marking.beside, .special = true};
}

void *mark_base(const void *p)
{
    if (!collected_is_used() || !bitmaps_cover(p))
        return NULL;
    objref_t target = objref_at(p);
    if (!target || !objref_has_bit(__atomic_load_n(&objref_bits(target)->allocs, __ATOMIC_RELAXED), target))
        return NULL;
    return (void *)objref_start(target);
}

bool mark_keeps(const void *p)
{
    if (!marking.base_only || !bitmaps_cover(p))
        return true;
    objref_t target = objref_at(p);
    return !target || objref_start(target) == (uintptr_t)p;
}

/* Of a stopped thread's stack, too, about which sanitizers have opinions; and of what the program writes to
 * meanwhile: what it writes after this its page remembers. */
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

AS_MODE void scan_words(marker_t *self, uintptr_t from, uintptr_t to, mode_t mode)
{
    const uintptr_t base = region_base, pending = self->pending_start;
    const size_t size = __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE), pending_size = self->pending_size;
    for (const uintptr_t *word = (const uintptr_t *)from; word < (const uintptr_t *)to; word++) {
        uintptr_t p = word_at(word);
        if (p - pending < pending_size)
            note_pending(self, p - pending);
        else if (p - base < size)
            found(self, p - base, mode);
    }
}

/* Words in collected objects, where not every pointer counts. */
__attribute__((noinline)) static void scan_bases(marker_t *self, uintptr_t from, uintptr_t to)
{
    for (const uintptr_t *word = (const uintptr_t *)from; word < (const uintptr_t *)to; word++) {
        uintptr_t p = word_at(word);
        if (bitmaps_cover((const void *)p) && mark_keeps((const void *)p))
            found(self, p - region_base, mode_now());
    }
}

static void reach(void *context, const void *p)
{
    if (bitmaps_cover(p))
        found(context, (uintptr_t)p - region_base, mode_now());
}

static void visit(void *context, const void *p)
{
    if (LIKELY(!marking.base_only) || mark_keeps(p))
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

/* A function of the program's is only called in a stop: it may expect what it reads not to change. The object
 * is scanned again then, and counts as not yet scanned. */
static void put_off_object(marker_t *self, uintptr_t object)
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
    atomic_store_explicit(&any_put_off, true, memory_order_relaxed);
}

/* The last word says what type it is; none as long as the object is being made, or of one that has just been
 * freed. */
static void scan_typed(marker_t *self, uintptr_t object, size_t bytes)
{
    bytes -= sizeof(uintptr_t);
    const weir_type *type = (const weir_type *)word_at((const uintptr_t *)(object + bytes));
    if (!type || type == (const weir_type *)COLLECTED_POISON)
        return;
    if (type->trace && UNLIKELY(marking.beside))
        put_off_object(self, object);
    else if (type->trace)
        type->trace((const void *)object, bytes / type->size, visit, self);
    else
        scan_bitmap(self, object, bytes, type);
}

/* A range of roots, or of a large object. */
AS_MODE void scan_piece(marker_t *self, uintptr_t from, uintptr_t to, mode_t mode)
{
    if (mode.special && marking.base_only && bitmaps_cover((const void *)from) &&
        objref_at((const void *)from))
        scan_bases(self, from, to);
    else
        scan_words(self, from, to, mode);
}

static void scan_written(void *self, uintptr_t from, uintptr_t to)
{
    scan_piece(self, from, to, mode_now());
}

static void scan_large(marker_t *self, span_t *span)
{
    uintptr_t object = (uintptr_t)span_start(span);
    size_t bytes = objref_large_bytes(span);
    enum span_kind kind = objref_kind(span);
    if (kind == KIND_SCAN && bytes >= SPARSE_MIN)
        sparse_each(object, object + bytes, scan_written, self);
    else if (kind == KIND_SCAN)
        scan_piece(self, object, object + bytes, mode_now());
    else
        scan_typed(self, object, bytes);
}

AS_MODE void scan(marker_t *self, const prefetch_t *object, mode_t mode)
{
    if (UNLIKELY(object->kind == KIND_TYPED))
        scan_typed(self, object->start, object->size);
    else if (mode.special && marking.base_only)
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

/* The first span of the queue is the one that the marker is at. False: there is none. Its link is another's
 * to use as soon as no word is grey. */
AS_MODE bool take_span(marker_t *self, mode_t mode)
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
    self->size = cell_size[is.cls];
    self->kind = is.kind;
    self->word = SLOT_WORDS - 1;
    self->pending_start = (uintptr_t)region_address(slot);
    self->pending_size = mode.special || !is.cls ? 0 : SLOT_SIZE;
    self->pending_reciprocal = class_reciprocals[is.cls];
    return true;
}

/* The next one of its words, from the present one on and round: what is noted further up is met in the same
 * round. */
static inline uint32_t take_word(marker_t *self)
{
    uint32_t after = (self->word + 1) % 64;
    uint64_t turned = self->words >> after | self->words << (64 - after) % 64;
    self->word = (after + (uint32_t)__builtin_ctzll(turned)) % 64;
    self->words &= ~((uint64_t)1 << self->word);
    return self->word;
}
_Static_assert(SLOT_WORDS == 64, "all words fit into one");

/* Marks the pending cells of a word. All that are marked there now. */
AS_MODE uint64_t take_marks(marker_t *self, uint32_t word, mode_t mode)
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

/* The cells of a word that are marked and not scanned: this marker scans them. How
 * many? */
AS_MODE uint32_t take_cells(marker_t *self, uint32_t word, mode_t mode)
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

AS_MODE void scan_ranges(marker_t *self, mode_t mode)
{
    range_t piece;
    while (work_take_piece(&piece))
        scan_piece(self, piece.from, piece.to, mode);
}

/* Where many cells of a word are to be scanned the processor sees by itself what is read next. */
AS_MODE void scan_cells(marker_t *self, mode_t mode)
{
    prefetch_t object = {.size = self->size, .kind = self->kind};
    for (uint64_t cells = self->cells; cells; cells &= cells - 1) {
        object.start = self->at + (size_t)__builtin_ctzll(cells) * object.size;
        scan(self, &object, mode);
    }
    self->cells = 0;
}

/* What ranges lead to is marked before any of it is scanned: the more of a span is grey, the more is read one
 * after the other. */
AS_MODE bool find_cells(marker_t *self, mode_t mode)
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

AS_MODE void drain_as(marker_t *self, mode_t mode)
{
    for (;;) {
        if (self->cells || find_cells(self, mode)) {
            prefetch_object(self);
            if (self->prefetch_in - self->prefetch_out < PREFETCH)
                continue;
        } else if (self->prefetch_in == self->prefetch_out) {
            if (self->candidates_in == self->candidates_out)
                return;
            mark_candidates(self, mode);
            continue;
        }
        scan(self, &self->prefetch[self->prefetch_out++ % PREFETCH], mode);
    }
}

static void drain(marker_t *self)
{
    if (marking.watching || marking.base_only)
        drain_as(self, mode_now());
    else if (mode_now().alone)
        drain_as(self, (mode_t){.alone = true});
    else
        drain_as(self, (mode_t){.alone = false});
}

static bool has_more(marker_t *self)
{
    return work_take(&self->queue) || ephemerons_resolve(reach, self);
}

static void mark_member(uint32_t member)
{
    marker_t *self = &markers[member];
    do {
        do
            drain(self);
        while (has_more(self));
    } while (work_wait());
}

/* --- the entries --- */

static void add_root(uintptr_t from, uintptr_t to)
{
    if (from >= to)
        return;
    marking.root_bytes += to - from;
    if (!work_share_range(from, to))
        scan_words(&markers[0], from, to, mode_now());
}

bool mark_prepare(uint32_t members)
{
    if (!markers) {
        for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
            cell_size[cls] = class_size(cls);
        markers = pages_metadata(WORKERS_MAX * sizeof *markers);
    }
    prepared = members;
    return markers && work_prepare();
}

void mark_begin(void)
{
    marking.members = 1;
    marking.beside = false;
    marking.base_only = base_only;
    any_put_off = false;
    memset(markers, 0, prepared * sizeof *markers);
    work_clear();
    sparse_clear();
}

void mark_roots(uintptr_t here)
{
    marking.root_bytes = 0;
    roots_each(here, add_root);
}

void mark_scan_roots(void)
{
    scan_ranges(&markers[0], (mode_t){.special = true});
    mark_candidates(&markers[0], (mode_t){.special = true});
}

void mark_run(uint32_t members)
{
    marking.members = members < prepared ? members : prepared;
    work_begin(marking.members);
    workers_run(marking.members, mark_member);
}

void mark_beside(bool beside)
{
    marking.beside = beside;
}

void mark_word(const void *p)
{
    reach(&markers[0], p);
}

void mark_watch(bool watching)
{
    marking.watching = watching;
}

void mark_contents(const void *object)
{
    span_t *span = span_of_slot(region_slot(object));
    if (span->kind == KIND_NOSCAN)
        return;
    if (span_is_large(span))
        scan_large(&markers[0], span);
    else
        scan(&markers[0], &(prefetch_t){(uintptr_t)object, span->cell_size, span->kind}, mode_now());
}

/* --- again --- */

void mark_again(uint32_t slot, uint32_t first, uint32_t end)
{
    marker_t *self = &markers[0];
    while (first < end) {
        uint32_t word = first / 64;
        uint64_t *scanned = &bitmaps_scanned_of(slot)[word], cells = bitmaps_next_ones(&first, end);
        cells &= __atomic_load_n(&bitmaps_of(slot)[word].marks, __ATOMIC_SEQ_CST) &
                 __atomic_load_n(scanned, __ATOMIC_RELAXED);
        if (!cells)
            continue;
        __atomic_fetch_and(scanned, ~cells, __ATOMIC_SEQ_CST);
        size_t count = (size_t)__builtin_popcountll(cells);
        self->objects -= count;
        self->bytes -= count * cell_size[bitmaps_slot_kind(slot).cls];
        make_grey(self, slot, word, (mode_t){.special = true});
    }
}

void mark_large_again(uint32_t slot, uintptr_t from, uintptr_t to)
{
    if (!(__atomic_load_n(&bitmaps_of(slot)->marks, __ATOMIC_SEQ_CST) & 1))
        return;
    if (objref_kind(span_of_slot(slot)) == KIND_TYPED || !share_object(from, to))
        make_grey(&markers[0], slot, 0, (mode_t){.special = true});
}

static void resume(uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    uint32_t words = span_is_large(span) ? 1 : bitmaps_words(span);
    collected_clear_flag(span, COLLECTED_PUT_OFF);
    for (uint32_t word = 0; word < words; word++)
        make_grey(&markers[0], slot, word, (mode_t){.special = true});
}

void mark_resume(void)
{
    size_t reach = bitmaps_reach < region.used ? bitmaps_reach : region.used;
    uint32_t end = (uint32_t)(reach >> SLOT_SHIFT);
    for (uint32_t slot = 0; any_put_off && slot < end; slot++) {
        const span_t *span = span_of_slot(slot);
        bool is_typed = span_is_large(span) ? objref_kind(span) == KIND_TYPED
                                            : bitmaps_slot_kind(slot).kind == KIND_TYPED;
        if (is_typed && collected_has_flag(span, COLLECTED_PUT_OFF))
            resume(slot);
    }
}

mark_result_t mark_end(void)
{
    mark_result_t result = {.root_bytes = marking.root_bytes};
    for (uint32_t i = 0; i < prepared; i++) {
        result.bytes += markers[i].bytes;
        result.objects += markers[i].objects;
    }
    return result;
}

bool mark_set_base_only(bool on)
{
    return atomic_exchange(&base_only, on);
}
