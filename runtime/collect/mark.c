/* mark: see mark.h. */
#include "runtime/collect/mark.h"

#include <stdatomic.h>
#include <string.h>
#include <weir/gc.h>

#include "runtime/collect/crew.h"
#include "runtime/collect/ephemeron.h"
#include "runtime/collect/roots.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/large.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/os/spin.h"
#include "runtime/pages/pages.h"

enum {
    CANDIDATES = 16,
    RING = 32,
    GIVE_MIN = 2,   /* spans that a queue has to hold */
    GIVE_MAX = 256, /* handed over at once */
    PACKETS = 64,
    PIECE = 32 * 1024, /* bytes of a range scanned at once */
    RANGES = 4096,
};

/* A cell of a span of small ones, or a large object. */
typedef struct target {
    uint32_t slot; /* the span's */
    uint16_t cell;
    brief_t is; /* .cls == 0: a large object, or nothing, by .kind */
} target_t;

/* Of grey spans, linked by their grey_t; first in, first out. */
typedef struct queue {
    uint32_t first, last, count; /* slots; 0: none */
} queue_t;

/* An object on its way. */
typedef struct coming {
    uintptr_t object;
    uint32_t size, kind;
} coming_t;

/* One for each member of the crew; only its own, but `bytes` and `objects`, which the collector adds up. */
typedef struct marker {
    queue_t queue;
    /* The span that it is at, and what is left of it: words of the bitmap, and cells of the present word. */
    uint32_t slot, size, kind;
    uint64_t words, cells;
    uintptr_t at;                    /* the first cell of the present word */
    target_t candidates[CANDIDATES]; /* whose bits are on their way; circular */
    uint32_t candidate_first, candidate_count;
    coming_t ring[RING]; /* circular */
    uint32_t ring_first, ring_count;
    size_t bytes, objects;
} __attribute__((aligned(64))) marker_t;

typedef struct range {
    uintptr_t from, to;
} range_t;

/* In the runtime's own memory, which is no root: they are full of addresses. */
static marker_t *markers;

/* What markers share; under the spin lock, but for the counts, which others peek at. */
static struct {
    spin_t lock;
    _Atomic uint32_t packets, ranges, idle;
    uint32_t members;
    bool base_only; /* in this collection; see mark_set_base_only */
    bool watching;  /* some span is WATCHED */
    size_t root_bytes;
    queue_t packet[PACKETS];
    range_t *range;
} shared;

static uint32_t cell_size[CLASS_COUNT];
static uint32_t prepared; /* markers */
static uint32_t range_limit = RANGES;
static _Atomic bool base_only; /* from the next collection on */

/* --- what a word points to --- */

/* Outside of spans of small cells. KIND_MANUAL: it is nothing that is collected. */
__attribute__((noinline)) static target_t large_of(uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    if (span->state == SPAN_TAIL)
        span = span_of_slot(span->next);
    return (target_t){.slot = span_slot(span), .is.kind = span_is_large(span) ? span->kind : KIND_MANUAL};
}

static inline bool is_nothing(target_t target)
{
    return target.is.kind == KIND_MANUAL;
}

/* Inside the region. It may still point to a free cell. */
static inline target_t target_of(uintptr_t word)
{
    size_t offset = word - region_base;
    uint32_t slot = (uint32_t)(offset >> SLOT_SHIFT);
    brief_t is = bitmaps_briefs[slot];
    if (LIKELY(is.cls != 0))
        return (target_t){slot, (uint16_t)bitmaps_cell(is.cls, offset % SLOT_SIZE), is};
    return large_of(slot);
}

static inline bits_t *bits_of(target_t target)
{
    return bitmaps_of(target.slot) + target.cell / 64;
}

static inline uint64_t bit_of(target_t target)
{
    return (uint64_t)1 << target.cell % 64;
}

static inline uintptr_t start_of(target_t target)
{
    return (uintptr_t)region_address(target.slot) + (size_t)target.cell * cell_size[target.is.cls];
}

void *mark_base(const void *p)
{
    if (!collected_is_used() || !region_owns(p))
        return NULL;
    target_t target = target_of((uintptr_t)p);
    if (is_nothing(target) || !(bits_of(target)->allocs & bit_of(target)))
        return NULL;
    return region_address(target.slot) + (size_t)target.cell * class_size(target.is.cls);
}

/* --- what is left to do --- */

static bool share_range(uintptr_t from, uintptr_t to)
{
    bool fits;
    spin_acquire(&shared.lock);
    fits = shared.ranges < range_limit;
    if (fits)
        shared.range[shared.ranges++] = (range_t){from, to};
    spin_release(&shared.lock);
    return fits;
}

static inline void queue_add(queue_t *queue, uint32_t slot)
{
    bitmaps_grey[slot].next = 0;
    if (queue->count++)
        bitmaps_grey[queue->last].next = slot;
    else
        queue->first = slot;
    queue->last = slot;
}

/* Something in that word of the span is marked and not scanned. Who finds the bit up leaves it to him who will take it down:
 * he looks at the marks after that. So the mark is to be set before, and both orders are kept by all. */
static inline void make_grey(marker_t *self, uint32_t slot, uint32_t word)
{
    uint64_t *words = &bitmaps_grey[slot].words, bit = (uint64_t)1 << word;
    uint64_t before = __atomic_load_n(words, __ATOMIC_SEQ_CST);
    if (before & bit)
        return;
    if (shared.members == 1)
        *words = before | bit;
    else
        before = __atomic_fetch_or(words, bit, __ATOMIC_SEQ_CST);
    if (!before)
        queue_add(&self->queue, slot);
}

static void found_large(marker_t *self, uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    uintptr_t start = (uintptr_t)span_start(span);
    self->objects++;
    self->bytes += large_usable(span);
    if (span->kind == KIND_TYPED ||
        (span->kind == KIND_SCAN && !share_range(start, start + large_usable(span))))
        make_grey(self, slot, 0);
}

/* Alone, a marker need not pay for atomic changes. */
static inline void mark(marker_t *self, target_t target)
{
    bits_t *bits = bits_of(target);
    uint64_t bit = bit_of(target), marks = __atomic_load_n(&bits->marks, __ATOMIC_RELAXED);
    if (marks & bit || !(bits->allocs & bit))
        return;
    if (shared.members == 1)
        bits->marks = marks | bit;
    else if (__atomic_fetch_or(&bits->marks, bit, __ATOMIC_SEQ_CST) & bit)
        return;
    if (UNLIKELY(shared.watching) && collected_has_flag(span_of_slot(target.slot), COLLECTED_WATCHED))
        ephemerons_wake(start_of(target));
    if (UNLIKELY(!target.is.cls)) {
        found_large(self, target.slot);
    } else if (target.is.kind != KIND_NOSCAN) {
        make_grey(self, target.slot, target.cell / 64);
    } else {
        self->objects++;
        self->bytes += cell_size[target.is.cls];
    }
}

/* A word that lies inside the region: what it points to is looked at when its bits have come, CANDIDATES words later. */
static inline void found(marker_t *self, uintptr_t word)
{
    target_t target = target_of(word);
    if (is_nothing(target))
        return;
    __builtin_prefetch(bits_of(target), 1);
    uint32_t place = (self->candidate_first + self->candidate_count) % CANDIDATES;
    if (self->candidate_count == CANDIDATES) {
        mark(self, self->candidates[place]);
        self->candidate_first = (place + 1) % CANDIDATES;
    } else {
        self->candidate_count++;
    }
    self->candidates[place] = target;
}

static void mark_candidates(marker_t *self)
{
    for (; self->candidate_count; self->candidate_count--) {
        mark(self, self->candidates[self->candidate_first]);
        self->candidate_first = (self->candidate_first + 1) % CANDIDATES;
    }
}

/* --- scanning --- */

bool mark_heeds(const void *p)
{
    if (!shared.base_only || !region_owns(p))
        return true;
    target_t target = target_of((uintptr_t)p);
    return is_nothing(target) || start_of(target) == (uintptr_t)p;
}

/* The words of a stopped thread's stack, which the sanitizer has opinions about. */
__attribute__((no_sanitize("address", "thread"))) static void scan_words(marker_t *self, uintptr_t from,
                                                                         uintptr_t to)
{
    for (const uintptr_t *word = (const uintptr_t *)from; word < (const uintptr_t *)to; word++)
        if (*word - region_base < region.size)
            found(self, *word);
}

/* Words in collected objects, where not every pointer counts. */
__attribute__((noinline)) static void scan_bases(marker_t *self, uintptr_t from, uintptr_t to)
{
    for (const uintptr_t *word = (const uintptr_t *)from; word < (const uintptr_t *)to; word++)
        if (*word - region_base < region.size && mark_heeds((const void *)*word))
            found(self, *word);
}

static void reach(void *context, const void *p)
{
    if ((uintptr_t)p - region_base < region.size)
        found(context, (uintptr_t)p);
}

static void visit(void *context, const void *p)
{
    if (LIKELY(!shared.base_only) || mark_heeds(p))
        reach(context, p);
}

static void scan_bitmap(marker_t *self, uintptr_t object, size_t bytes, const weir_type *type)
{
    size_t words = type->size / sizeof(uintptr_t);
    for (uintptr_t element = object; element + type->size <= object + bytes; element += type->size)
        for (size_t first = 0; first < words; first += 64)
            for (uint64_t bits = type->pointers[first / 64]; bits; bits &= bits - 1) {
                size_t word = first + (size_t)__builtin_ctzll(bits);
                visit(self, (const void *)((const uintptr_t *)element)[word]);
            }
}

/* The last word says what type it is; none as long as the object is being made. */
static void scan_typed(marker_t *self, uintptr_t object, size_t bytes)
{
    bytes -= sizeof(uintptr_t);
    const weir_type *type = *(const weir_type *const *)(object + bytes);
    if (!type)
        return;
    if (type->trace)
        type->trace((const void *)object, bytes / type->size, visit, self);
    else
        scan_bitmap(self, object, bytes, type);
}

/* A range of roots, or of a large object. */
static void scan_piece(marker_t *self, uintptr_t from, uintptr_t to)
{
    if (UNLIKELY(shared.base_only) && region_owns((const void *)from) && !is_nothing(target_of(from)))
        scan_bases(self, from, to);
    else
        scan_words(self, from, to);
}

static void scan_large(marker_t *self, span_t *span)
{
    uintptr_t object = (uintptr_t)span_start(span);
    size_t bytes = large_usable(span);
    if (span->kind == KIND_SCAN)
        scan_piece(self, object, object + bytes);
    else
        scan_typed(self, object, bytes);
}

static inline void scan(marker_t *self, const coming_t *object)
{
    if (LIKELY(object->kind == KIND_SCAN && !shared.base_only))
        scan_words(self, object->object, object->object + object->size);
    else if (object->kind == KIND_SCAN)
        scan_bases(self, object->object, object->object + object->size);
    else
        scan_typed(self, object->object, object->size);
}

/* --- the queue --- */

static void prefetch_word(uint32_t slot)
{
    uint64_t words = bitmaps_grey[slot].words;
    uint32_t word = words ? (uint32_t)__builtin_ctzll(words) : 0;
    __builtin_prefetch(&bitmaps[slot].bits[word], 1);
    __builtin_prefetch(&bitmaps[slot].scanned[word], 1);
}

/* The first span of the queue is the one that the marker is at. False: there is none. Its link is another's to use as soon as no
 * word is grey. */
static bool take_span(marker_t *self)
{
    uint32_t slot = self->queue.first;
    if (!self->queue.count)
        return false;
    grey_t *grey = &bitmaps_grey[slot];
    if (--self->queue.count)
        prefetch_word(self->queue.first = grey->next);
    self->words = shared.members == 1 ? grey->words : __atomic_exchange_n(&grey->words, 0, __ATOMIC_SEQ_CST);
    if (shared.members == 1)
        grey->words = 0;
    self->slot = slot;
    self->size = cell_size[bitmaps_briefs[slot].cls];
    self->kind = bitmaps_briefs[slot].kind;
    return true;
}

/* The cells of a word that are marked and that nobody has scanned: now they are this marker's to scan. */
static void take_cells(marker_t *self, uint32_t word)
{
    uint64_t *scanned = &bitmaps[self->slot].scanned[word];
    uint64_t marks = __atomic_load_n(&bitmaps[self->slot].bits[word].marks, __ATOMIC_SEQ_CST);
    uint64_t before = __atomic_load_n(scanned, __ATOMIC_RELAXED);
    if (shared.members == 1)
        *scanned = before | marks;
    else if (marks & ~before)
        before = __atomic_fetch_or(scanned, marks, __ATOMIC_RELAXED);
    self->cells = marks & ~before;
    self->at = (uintptr_t)region_address(self->slot) + (size_t)word * 64 * self->size;
    uint32_t count = (uint32_t)__builtin_popcountll(self->cells);
    self->objects += count;
    self->bytes += (size_t)count * self->size;
}

static bool find_cells(marker_t *self)
{
    do {
        if (!self->words && !take_span(self))
            return false;
        if (UNLIKELY(!self->size)) {
            self->words = 0;
            scan_large(self, span_of_slot(self->slot));
        } else {
            take_cells(self, (uint32_t)__builtin_ctzll(self->words));
            self->words &= self->words - 1;
        }
    } while (!self->cells);
    return true;
}

/* Objects enter the ring as long as there are some and it has room. */
static inline void fill_ring(marker_t *self)
{
    while (self->ring_count < RING && (self->cells || find_cells(self))) {
        uint32_t cell = (uint32_t)__builtin_ctzll(self->cells);
        uintptr_t object = self->at + (size_t)cell * self->size;
        self->cells &= self->cells - 1;
        __builtin_prefetch((const void *)object);
        __builtin_prefetch((const char *)object + 32); /* a cell of 48 bytes may lie in two lines */
        self->ring[(self->ring_first + self->ring_count++) % RING] =
            (coming_t){object, self->size, self->kind};
    }
}

/* --- sharing --- */

/* Half of the queue, from its front. */
static void give_packet(marker_t *self)
{
    queue_t *queue = &self->queue;
    uint32_t half = queue->count / 2 < GIVE_MAX ? queue->count / 2 : GIVE_MAX, last = queue->first;
    for (uint32_t i = 1; i < half; i++)
        last = bitmaps_grey[last].next;
    spin_acquire(&shared.lock);
    if (shared.packets < PACKETS) {
        shared.packet[shared.packets++] = (queue_t){queue->first, last, half};
        queue->first = bitmaps_grey[last].next;
        queue->count -= half;
    }
    spin_release(&shared.lock);
}

static inline void give_if_wanted(marker_t *self)
{
    if (UNLIKELY(atomic_load_explicit(&shared.idle, memory_order_relaxed) > shared.packets &&
                 self->queue.count >= GIVE_MIN))
        give_packet(self);
}

static bool take_packet(marker_t *self)
{
    if (!atomic_load_explicit(&shared.packets, memory_order_relaxed))
        return false;
    spin_acquire(&shared.lock);
    bool taken = shared.packets > 0;
    if (taken)
        self->queue = shared.packet[--shared.packets];
    spin_release(&shared.lock);
    return taken;
}

static bool take_piece(range_t *piece)
{
    if (!atomic_load_explicit(&shared.ranges, memory_order_relaxed))
        return false;
    spin_acquire(&shared.lock);
    bool taken = shared.ranges > 0;
    if (taken) {
        range_t *last = &shared.range[shared.ranges - 1];
        *piece = *last;
        if (piece->to - piece->from > PIECE)
            last->from = piece->to = piece->from + PIECE;
        else
            shared.ranges--;
    }
    spin_release(&shared.lock);
    return taken;
}

/* --- the loop --- */

static void scan_ranges(marker_t *self)
{
    range_t piece;
    while (take_piece(&piece))
        scan_piece(self, piece.from, piece.to);
}

/* What ranges lead to is marked before any of it is scanned: the more of a span is grey, the more is read one
 * after the other. */
static void drain(marker_t *self)
{
    for (;;) {
        scan_ranges(self);
        fill_ring(self);
        if (!self->ring_count && !self->candidate_count)
            return;
        if (!self->ring_count) {
            mark_candidates(self);
            continue;
        }
        scan(self, &self->ring[self->ring_first]);
        self->ring_first = (self->ring_first + 1) % RING;
        self->ring_count--;
        give_if_wanted(self);
    }
}

static bool has_more(marker_t *self)
{
    return take_packet(self) || ephemerons_resolve(reach, self);
}

/* False: nobody has anything left. Whoever gives is not idle, so when all are there is nothing to come. */
static bool wait_for_more(void)
{
    atomic_fetch_add(&shared.idle, 1);
    for (uint32_t spins = 0;; spins++) {
        if (atomic_load(&shared.packets) || atomic_load(&shared.ranges) || ephemerons_are_awake()) {
            atomic_fetch_sub(&shared.idle, 1);
            return true;
        }
        if (atomic_load(&shared.idle) == shared.members)
            return false;
        spin_pause(spins);
    }
}

static void mark_member(uint32_t member)
{
    marker_t *self = &markers[member];
    do {
        do
            drain(self);
        while (has_more(self));
    } while (wait_for_more());
}

/* --- the entries --- */

static void add_root(uintptr_t from, uintptr_t to)
{
    if (from >= to)
        return;
    shared.root_bytes += to - from;
    if (!share_range(from, to))
        scan_words(&markers[0], from, to);
}

static bool tables_make(void)
{
    if (shared.range)
        return true;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        cell_size[cls] = class_size(cls);
    markers = pages_metadata(CREW_MAX * sizeof *markers);
    shared.range = markers ? pages_metadata(RANGES * sizeof *shared.range) : NULL;
    return shared.range != NULL;
}

bool mark_prepare(uint32_t members)
{
    if (!tables_make())
        return false;
    prepared = members;
    return true;
}

void mark_begin(uintptr_t here)
{
    shared.members = 1;
    shared.base_only = base_only;
    for (uint32_t i = 0; i < prepared; i++) {
        markers[i].bytes = markers[i].objects = 0;
    }
    shared.root_bytes = 0;
    roots_each(here, add_root);
}

void mark_run(bool alone)
{
    shared.members = alone ? 1 : prepared;
    shared.idle = 0;
    crew_run(alone, mark_member);
}

void mark_word(const void *p)
{
    reach(&markers[0], p);
}

void mark_watch(bool watching)
{
    shared.watching = watching;
}

void mark_contents(const void *object)
{
    span_t *span = span_of_slot(region_slot(object));
    if (span->kind == KIND_NOSCAN)
        return;
    if (span_is_large(span))
        scan_large(&markers[0], span);
    else
        scan(&markers[0], &(coming_t){(uintptr_t)object, span->cell_size, span->kind});
}

mark_result_t mark_end(void)
{
    mark_result_t result = {.root_bytes = shared.root_bytes};
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

void mark_set_range_limit(uint32_t ranges)
{
    range_limit = ranges && ranges < RANGES ? ranges : RANGES;
}
