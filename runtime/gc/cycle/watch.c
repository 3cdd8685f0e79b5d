/* watch: see watch.h. */
#include "runtime/gc/cycle/watch.h"

#include <string.h>

#include "runtime/base/range.h"
#include "runtime/cells/bitmaps.h"
#include "runtime/cells/span_size.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/objref.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/os/lock.h"
#include "runtime/pages/pages.h"
#include "runtime/process/dirty.h"
#include "runtime/threads/workers.h"

/* Each range costs a system call at every question, and perhaps a mapping of its own. */
enum { RANGES = 2048 };
/* The page tables of what is watched take 1/512 of it, be it touched or not. */
static const size_t OBJECT_MAX = (size_t)1 << 30;
/* What one member looks at at a time. */
static const size_t PIECE = (size_t)1 << 25;

static struct {
    range_t *ranges; /* of RANGES */
    uint32_t count;
    uint32_t number;  /* of this arming, not 0; bitmaps_grey[slot].watch has it if the span is watched */
    bool kept;        /* from watch_keep to watch_go_on */
    bool only_marked; /* this trace is young: spans without a marked object are not watched */
    size_t bytes;     /* written, in this question */
    watch_visit *visit;
} watch;

/* The last question. The kernel walks the page tables of all that is watched: 1.5 ms for 1.5 GiB. So the
 * members share it, piece by piece. */
static struct {
    _Atomic uint32_t taken; /* pieces; in the order of the ranges */
    _Atomic bool failed;
    lock_t lock; /* of watch.bytes, and of what visits */
} look = {.lock = LOCK_INIT(LOCK_RANK_NONE)};

/* The ranges that stay watched from one trace to a young one. Used by watch_keep alone. */
enum { KEPT_RANGES = 512 };
/* Slots. Over wider gaps, more would be watched for nothing than is worth watching. What survives a young
 * trace lies scattered among what does not: without gaps, each span would be a range of its own. */
enum { GAP_MOST = 256, YOUNG_GAP = 16 };
static struct {
    range_t *ranges; /* of KEPT_RANGES, in ascending order; NULL until there is a young trace */
    uint32_t count;
} kept;

static uint32_t range_limit = RANGES;

/* --- what there is --- */

/* Bytes of the span in that slot, if it is one that may hold pointers; 0: it is not. */
static size_t span_extent(uint32_t slot)
{
    slot_kind_t is = bitmaps_slot_kind(slot);
    if (is.cls)
        return is.kind & 1 ? SLOT_SIZE : 0;
    span_t *span = span_of_slot(slot);
    return objref_kind(span) & 1 ? objref_large_bytes(span) : 0;
}

/* All spans that exist now lie in slots below this one; more may come. */
static uint32_t slots_end(void)
{
    size_t reach = __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE), used = atomic_load(&region.used);
    return (uint32_t)((reach < used ? reach : used) >> SLOT_SHIFT);
}

static uint32_t slots_of(size_t extent)
{
    return extent ? large_slots(extent) : 1;
}

/* --- watching --- */

/* Does a watched range hold all of it? Then it need not be watched anew: each question is about it, too. */
static bool is_inside_watched(uintptr_t from, uintptr_t to)
{
    for (uint32_t i = 0; i < watch.count; i++)
        if (watch.ranges[i].from <= from && to <= watch.ranges[i].to)
            return true;
    return false;
}

/* Watch the range, which the caller then reports as written. Spans in the gaps of the group are watched
 * with it. Roots may have been freed, and their memory be a span now. Ranges may overlap if a larger span
 * has taken the place of watched ones: a question makes a page clean for both ranges, and each question is
 * about all ranges. */
static bool begin_watching(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to)
{
    root_watch_lose(from, to);
    if (!is_inside_watched(from, to)) {
        if (watch.count == range_limit || dirty_begin(from, to) != DIRTY_OK)
            return false;
        watch.ranges[watch.count++] = (range_t){from, to};
    }
    for (uint32_t slot = first; slot < end; slot += slots_of(span_extent(slot)))
        if (span_extent(slot))
            bitmaps_set_watch(slot, watch.number);
    return true;
}

typedef bool choose_span(uint32_t slot);

/* No marker is at work, so what is marked has been scanned. Reading the scanned bits touches half the memory
 * that reading the marks, which lie beside allocs, would. */
static bool has_marks(uint32_t slot)
{
    return bitmaps_slot_kind(slot).cls ? bitmaps_any_scanned(slot, bitmaps_words(span_of_slot(slot)))
                                       : bitmaps_any_marked(slot, 1);
}

static bool is_watched_span(uint32_t slot)
{
    return bitmaps_watch(slot) == watch.number;
}

static bool is_new(uint32_t slot)
{
    return !is_watched_span(slot) && (!watch.only_marked || has_marks(slot));
}

typedef bool visit_group(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to);

/* A span that can be watched and that `belongs` chooses: its bytes. 0: another slot. */
static size_t chosen_extent(uint32_t slot, size_t extent, choose_span *belongs)
{
    return extent && extent < OBJECT_MAX && belongs(slot) ? extent : 0;
}

/* The group that begins in that slot, and goes on over gaps of up to `gap` slots. Returns the slot after
 * it. */
static uint32_t group_end(uint32_t slot, uint32_t end, uint32_t gap, choose_span *belongs, uintptr_t *to)
{
    uint32_t after = slot;
    while (slot < end && slot - after <= gap) {
        size_t extent = span_extent(slot), chosen = chosen_extent(slot, extent, belongs);
        if (!chosen && (gap == 0 || extent >= OBJECT_MAX))
            break;
        if (chosen)
            *to = (uintptr_t)region_address(slot) + chosen;
        slot += slots_of(extent);
        after = chosen ? slot : after;
    }
    return after;
}

/* Calls each(first, end, from, to) for every group of spans that `belongs` chooses: their slots and their
 * memory. Spans with at most `gap` slots between them are in one group. False: one of the calls returned
 * false. */
static bool each_group(choose_span *belongs, uint32_t gap, visit_group *each)
{
    uint32_t end = slots_end();
    bool all = true;
    for (uint32_t slot = 0; slot < end;) {
        uintptr_t to = 0;
        uint32_t first = slot;
        size_t extent = span_extent(slot);
        if (chosen_extent(slot, extent, belongs))
            slot = group_end(slot, end, gap, belongs, &to);
        if (slot > first)
            all &= each(first, slot, (uintptr_t)region_address(first), to);
        else
            slot += slots_of(extent);
    }
    return all;
}

/* A span that is made while this runs is new at the next question. */
bool watch_arm(void)
{
    if (!watch.ranges)
        watch.ranges = pages_metadata(RANGES * sizeof *watch.ranges);
    if (!watch.ranges || !dirty_is_supported())
        return false;
    mark_prepare_beside();
    watch.count = 0;
    watch.only_marked = false;
    watch.number += watch.number == UINT32_MAX ? 2 : 1;
    if (each_group(is_new, 0, begin_watching))
        return true;
    watch_disarm();
    return false;
}

static bool is_watched(uintptr_t from, uintptr_t to)
{
    for (uint32_t i = 0; i < watch.count; i++)
        if (watch.ranges[i].from < to && from < watch.ranges[i].to)
            return true;
    return false;
}

void watch_roots(void)
{
    root_watch_protect(is_watched);
}

void watch_disarm(void)
{
    root_watch_end();
    for (uint32_t i = 0; i < watch.count; i++)
        dirty_end(watch.ranges[i].from, watch.ranges[i].to);
    watch.count = 0;
    watch.kept = false;
    dirty_close();
}

/* --- from one trace to a young one --- */

/* Spans without marked objects are new again. Decided once for each span: the program frees objects
 * meanwhile, and a span that counts as watched has to be. */
static void choose_kept(void)
{
    uint32_t end = slots_end();
    for (uint32_t slot = 0; slot < end; slot += slots_of(span_extent(slot)))
        if (span_extent(slot) && is_watched_span(slot) && !has_marks(slot))
            bitmaps_set_watch(slot, 0);
}

static bool count_kept(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to)
{
    (void)first, (void)end, (void)from, (void)to;
    kept.count++;
    return true;
}

/* Each range that stays splits a mapping of the process twice, and the process may have 65,530. So if the
 * spans lie scattered, the gaps between them stay watched, too. A write to a gap is a fault, once. */
static bool choose_gap(uint32_t *gap)
{
    const uint32_t most = range_limit < KEPT_RANGES ? range_limit : KEPT_RANGES;
    for (*gap = 0; *gap <= GAP_MOST; *gap = *gap ? *gap * 4 : 1) {
        kept.count = 0;
        each_group(is_watched_span, *gap, count_kept);
        if (kept.count <= most)
            return kept.count > 0;
    }
    return false;
}

static bool note_kept(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to)
{
    (void)first, (void)end;
    if (kept.count == KEPT_RANGES)
        return false;
    kept.ranges[kept.count++] = (range_t){from, to};
    return true;
}

/* Stop watching the parts of the range that do not stay. kept.ranges are in ascending order. */
static void end_rest_of(range_t range)
{
    for (uint32_t i = 0; i < kept.count && kept.ranges[i].from < range.to; i++) {
        if (range.from < kept.ranges[i].from)
            dirty_end(range.from, kept.ranges[i].from);
        if (range.from < kept.ranges[i].to)
            range.from = kept.ranges[i].to;
    }
    if (range.from < range.to)
        dirty_end(range.from, range.to);
}

static bool keep_ranges(void)
{
    bool all = true;
    for (uint32_t i = 0; i < watch.count; i++)
        end_rest_of(watch.ranges[i]);
    for (uint32_t i = 0; i < kept.count; i++)
        all &= dirty_join(kept.ranges[i].from, kept.ranges[i].to) == DIRTY_OK;
    memcpy(watch.ranges, kept.ranges, kept.count * sizeof *kept.ranges);
    watch.count = kept.count;
    return all;
}

bool watch_keep(void)
{
    uint32_t gap;
    if (!kept.ranges)
        kept.ranges = pages_metadata(KEPT_RANGES * sizeof *kept.ranges);
    root_watch_end();
    choose_kept();
    bool known = kept.ranges && choose_gap(&gap);
    kept.count = 0;
    watch.kept = known && each_group(is_watched_span, gap, note_kept) && kept.count && keep_ranges();
    if (!watch.kept)
        watch_disarm();
    return watch.kept;
}

bool watch_is_kept(void)
{
    return watch.kept;
}

static void ignore(void *context, uintptr_t from, uintptr_t to)
{
    (void)context, (void)from, (void)to;
}

bool watch_go_on(void)
{
    if (!watch.kept)
        return false;
    uintptr_t from = watch.ranges[0].from;
    if (dirty_look(from, from + OS_PAGE, ignore, NULL) != DIRTY_OK) {
        watch_disarm();
        return false;
    }
    mark_prepare_beside();
    watch.kept = false;
    watch.only_marked = true;
    return true;
}

void watch_after_fork_child(void)
{
    look.lock = (lock_t)LOCK_INIT(LOCK_RANK_NONE);
    watch.count = 0;
    watch.kept = false;
    dirty_close();
    root_watch_end();
}

/* --- asking --- */

static void note(void *context, uintptr_t from, uintptr_t to)
{
    (void)context;
    watch.bytes += to - from;
    watch.visit(from, to);
}

static bool ask_of_watched(void)
{
    for (uint32_t i = 0; i < watch.count; i++)
        if (dirty_ask(watch.ranges[i].from, watch.ranges[i].to, note, NULL) != DIRTY_OK)
            return false;
    return true;
}

static void note_root(void *context, uintptr_t from, uintptr_t to)
{
    (void)context;
    watch.bytes += to - from;
    mark_root_beside(from, to);
}

static bool note_new(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to)
{
    (void)first, (void)end;
    note(NULL, from, to);
    return true;
}

/* New spans are watched first, then reported as written. Those that cannot be watched are new again at the
 * next question. */
static bool begin_and_note(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to)
{
    begin_watching(first, end, from, to);
    return note_new(first, end, from, to);
}

/* Report the objects that are never watched. */
static void note_largest(void)
{
    uint32_t end = slots_end();
    for (uint32_t slot = 0; slot < end;) {
        size_t extent = span_extent(slot);
        uintptr_t from = (uintptr_t)region_address(slot);
        if (extent >= OBJECT_MAX)
            note(NULL, from, from + extent);
        slot += slots_of(extent);
    }
}

/* *old: what was written to what is watched already. */
static bool ask_all(watch_visit *visit, size_t *old, size_t *bytes)
{
    watch.visit = visit;
    watch.bytes = 0;
    bool known = ask_of_watched();
    *old = watch.bytes;
    if (known) {
        root_watch_ask(note_root);
        each_group(is_new, watch.only_marked ? YOUNG_GAP : 0, begin_and_note);
    }
    *bytes = watch.bytes;
    return known;
}

bool watch_ask(watch_visit *visit, size_t *bytes)
{
    size_t old;
    return ask_all(visit, &old, bytes);
}

bool watch_ask_old(watch_visit *visit, size_t *bytes)
{
    size_t all;
    return ask_all(visit, bytes, &all);
}

static void note_shared(void *context, uintptr_t from, uintptr_t to)
{
    lock_acquire(&look.lock);
    note(context, from, to);
    lock_release(&look.lock);
}

static void look_at_pieces(uint32_t member)
{
    (void)member;
    uint32_t at = 0, mine = atomic_fetch_add(&look.taken, 1);
    for (uint32_t i = 0; i < watch.count; i++)
        for (uintptr_t from = watch.ranges[i].from, end = watch.ranges[i].to, to; from < end;
             from = to, at++) {
            to = end - from > PIECE ? from + PIECE : end;
            if (at != mine)
                continue;
            if (dirty_look(from, to, note_shared, NULL) != DIRTY_OK)
                look.failed = true;
            mine = atomic_fetch_add(&look.taken, 1);
        }
}

static size_t watched_bytes(void)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < watch.count; i++)
        bytes += watch.ranges[i].to - watch.ranges[i].from;
    return bytes;
}

bool watch_look(watch_visit *visit, uint32_t members, size_t *bytes)
{
    watch.visit = visit;
    watch.bytes = 0;
    look.taken = 0;
    look.failed = false;
    workers_run(watched_bytes() > PIECE ? members : 1, look_at_pieces);
    bool known = !look.failed;
    if (known) {
        each_group(is_new, 0, note_new);
        note_largest();
    }
    *bytes = watch.bytes;
    return known;
}

void watch_set_range_limit(uint32_t ranges)
{
    range_limit = ranges && ranges < RANGES ? ranges : RANGES;
}
