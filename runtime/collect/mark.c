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
    STACK_ENTRIES = 1 << 20, /* of a marker, 8 MiB, resident as far as it was used */
    PACKET = 256,            /* entries handed over at once, at most */
    GIVE_MIN = 4,            /* that a stack has to hold */
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

/* One for each member of the crew; only its own, but `bytes` and `objects`, which the collector adds up. */
typedef struct marker {
    uintptr_t *stack;
    size_t top, limit;
    target_t candidates[CANDIDATES]; /* whose bits are on their way; circular */
    uint32_t candidate_first, candidate_count;
    uintptr_t ring[RING]; /* objects on their way; circular */
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
    bool overflowed; /* some span has its flag up */
    bool base_only;  /* in this collection; see mark_set_base_only */
    bool watching;   /* some span is WATCHED */
    size_t root_bytes;
    uint32_t rescans;
    struct packet {
        uint32_t size;
        uintptr_t objects[PACKET];
    } * packet;
    range_t *range;
} shared;

static uint32_t cell_size[CLASS_COUNT];
static uint32_t prepared; /* markers that have a stack */
static size_t stack_limit = STACK_ENTRIES;
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

/* Marked, and to be scanned in another round. */
static void overflow(span_t *span)
{
    collected_set_flag(span, COLLECTED_OVERFLOWED);
    __atomic_store_n(&shared.overflowed, true, __ATOMIC_RELAXED);
}

static bool share_range(uintptr_t from, uintptr_t to)
{
    bool fits;
    spin_acquire(&shared.lock);
    fits = shared.ranges < RANGES;
    if (fits)
        shared.range[shared.ranges++] = (range_t){from, to};
    spin_release(&shared.lock);
    return fits;
}

static inline void push(marker_t *self, uintptr_t object, uint32_t slot)
{
    if (LIKELY(self->top < self->limit))
        self->stack[self->top++] = object;
    else
        overflow(span_of_slot(slot));
}

static void found_large(marker_t *self, uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    uintptr_t start = (uintptr_t)span_start(span);
    self->objects++;
    self->bytes += large_usable(span);
    if (span->kind == KIND_TYPED)
        push(self, start, slot);
    else if (span->kind == KIND_SCAN && !share_range(start, start + large_usable(span)))
        overflow(span);
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
    else if (__atomic_fetch_or(&bits->marks, bit, __ATOMIC_RELAXED) & bit)
        return;
    if (UNLIKELY(shared.watching) && collected_has_flag(span_of_slot(target.slot), COLLECTED_WATCHED))
        ephemerons_wake(start_of(target));
    if (UNLIKELY(!target.is.cls)) {
        found_large(self, target.slot);
        return;
    }
    self->objects++;
    self->bytes += cell_size[target.is.cls];
    if (target.is.kind != KIND_NOSCAN)
        push(self, start_of(target), target.slot);
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

static void scan_large(marker_t *self, uintptr_t object, uint32_t slot)
{
    span_t *span = span_of_slot(slot);
    size_t bytes = large_usable(span);
    if (span->kind == KIND_SCAN)
        scan_piece(self, object, object + bytes);
    else
        scan_typed(self, object, bytes);
}

static inline void scan(marker_t *self, uintptr_t object)
{
    uint32_t slot = region_slot((const void *)object);
    brief_t is = bitmaps_briefs[slot];
    if (LIKELY(is.kind == KIND_SCAN && is.cls && !shared.base_only))
        scan_words(self, object, object + cell_size[is.cls]);
    else if (is.kind == KIND_SCAN && is.cls)
        scan_bases(self, object, object + cell_size[is.cls]);
    else if (is.cls)
        scan_typed(self, object, cell_size[is.cls]);
    else
        scan_large(self, object, slot);
}

/* --- sharing --- */

/* The oldest entries are the roots of most work: half of the stack goes, from its bottom; the
 * youngest fill the gap. */
static void give_packet(marker_t *self)
{
    uint32_t half = self->top / 2 < PACKET ? (uint32_t)(self->top / 2) : PACKET;
    spin_acquire(&shared.lock);
    if (shared.packets < PACKETS) {
        struct packet *packet = &shared.packet[shared.packets++];
        memcpy(packet->objects, self->stack, half * sizeof *self->stack);
        packet->size = half;
        self->top -= half;
        size_t from = self->top > half ? self->top : half, count = self->top < half ? self->top : half;
        memmove(self->stack, self->stack + from, count * sizeof *self->stack);
    }
    spin_release(&shared.lock);
}

static inline void give_if_wanted(marker_t *self)
{
    if (UNLIKELY(atomic_load_explicit(&shared.idle, memory_order_relaxed) > shared.packets &&
                 self->top >= GIVE_MIN))
        give_packet(self);
}

static bool take_packet(marker_t *self)
{
    if (!atomic_load_explicit(&shared.packets, memory_order_relaxed))
        return false;
    spin_acquire(&shared.lock);
    bool taken = shared.packets > 0;
    if (taken) {
        const struct packet *packet = &shared.packet[--shared.packets];
        self->top = packet->size;
        memcpy(self->stack, packet->objects, packet->size * sizeof *self->stack);
    }
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

static void drain(marker_t *self)
{
    for (;;) {
        if (!self->top && !self->ring_count)
            mark_candidates(self);
        if (!self->top && !self->ring_count)
            return;
        while (self->ring_count < RING && self->top) {
            uintptr_t object = self->stack[--self->top];
            __builtin_prefetch((const void *)object);
            __builtin_prefetch((const char *)object + 32); /* a cell of 48 bytes may lie in two lines */
            self->ring[(self->ring_first + self->ring_count++) % RING] = object;
        }
        uintptr_t object = self->ring[self->ring_first];
        self->ring_first = (self->ring_first + 1) % RING;
        self->ring_count--;
        scan(self, object);
        give_if_wanted(self);
    }
}

static bool has_more(marker_t *self)
{
    range_t piece;
    if (take_packet(self))
        return true;
    if (ephemerons_resolve(reach, self))
        return true;
    if (!take_piece(&piece))
        return false;
    scan_piece(self, piece.from, piece.to);
    return true;
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

/* --- rounds --- */

static void add_root(uintptr_t from, uintptr_t to)
{
    if (from >= to)
        return;
    shared.root_bytes += to - from;
    if (!share_range(from, to))
        scan_words(&markers[0], from, to);
}

static void rescan_small(span_t *span)
{
    for (uint32_t cell = 0; cell < span->cells; cell++)
        if (bitmaps_of(span_slot(span))[cell / 64].marks >> cell % 64 & 1) {
            scan(&markers[0], (uintptr_t)span_start(span) + (size_t)cell * span->cell_size);
            drain(&markers[0]);
        }
}

/* Those whose entries did not fit. */
static void rescan_overflowed(void)
{
    shared.overflowed = false;
    for (uint32_t slot = ZERO_ZONE / SLOT_SIZE; slot < region.used >> SLOT_SHIFT; slot++) {
        span_t *span = span_of_slot(slot);
        bool large = span_is_large(span) && span->kind != KIND_MANUAL;
        if ((span->state != SPAN_COLLECTED && !large) || !collected_has_flag(span, COLLECTED_OVERFLOWED))
            continue;
        collected_clear_flag(span, COLLECTED_OVERFLOWED);
        if (large) {
            scan(&markers[0], (uintptr_t)span_start(span));
            drain(&markers[0]);
        } else {
            rescan_small(span);
        }
    }
}

static void run_round(bool alone)
{
    shared.idle = 0;
    crew_run(alone, mark_member);
}

static bool tables_make(void)
{
    if (shared.range)
        return true;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        cell_size[cls] = class_size(cls);
    markers = pages_metadata(CREW_MAX * sizeof *markers);
    shared.packet = pages_metadata(PACKETS * sizeof *shared.packet);
    shared.range = markers && shared.packet ? pages_metadata(RANGES * sizeof *shared.range) : NULL;
    return shared.range != NULL;
}

bool mark_prepare(uint32_t members)
{
    if (!tables_make())
        return false;
    for (uint32_t i = 0; i < members; i++)
        if (!markers[i].stack) {
            uintptr_t *stack = os_reserve(STACK_ENTRIES * sizeof *stack, OS_PAGE);
            if (!stack || !os_commit(stack, STACK_ENTRIES * sizeof *stack))
                return false;
            markers[i].stack = stack;
        }
    prepared = members;
    return true;
}

/* What a large heap's marking touched goes back. */
static void release_stacks(uint32_t members)
{
    enum { KEPT = 64 * 1024 };
    for (uint32_t i = 0; i < members; i++)
        os_release((char *)markers[i].stack + KEPT, STACK_ENTRIES * sizeof *markers[i].stack - KEPT);
}

void mark_begin(uintptr_t here)
{
    shared.members = 1;
    shared.base_only = base_only;
    for (uint32_t i = 0; i < prepared; i++) {
        markers[i].top = markers[i].ring_count = 0;
        markers[i].limit = stack_limit;
        markers[i].bytes = markers[i].objects = 0;
    }
    shared.root_bytes = shared.rescans = 0;
    roots_each(here, add_root);
}

void mark_run(bool alone)
{
    shared.members = alone ? 1 : prepared;
    for (run_round(alone); shared.overflowed; run_round(alone)) {
        rescan_overflowed();
        shared.rescans++;
    }
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
    if (span_of_slot(region_slot(object))->kind != KIND_NOSCAN)
        scan(&markers[0], (uintptr_t)object);
}

mark_result_t mark_end(void)
{
    mark_result_t result = {.root_bytes = shared.root_bytes, .rescans = shared.rescans};
    for (uint32_t i = 0; i < prepared; i++) {
        result.bytes += markers[i].bytes;
        result.objects += markers[i].objects;
    }
    release_stacks(prepared);
    return result;
}

bool mark_set_base_only(bool on)
{
    return atomic_exchange(&base_only, on);
}

void mark_set_stack_limit(size_t entries)
{
    stack_limit = entries && entries < STACK_ENTRIES ? entries : STACK_ENTRIES;
}
