/* watch: see watch.h. */
#include "runtime/gc/cycle/watch.h"

#include "runtime/cells/bitmaps.h"
#include "runtime/gc/cycle/groups.h"
#include "runtime/gc/cycle/watch_state.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/os/lock.h"
#include "runtime/pages/pages.h"
#include "runtime/process/dirty.h"
#include "runtime/threads/workers.h"

/* What one member looks at at a time. */
static const size_t PIECE = (size_t)1 << 25;
/* Slots between spans that are watched together, in a young trace. What survives it lies scattered among what
 * does not: without gaps, each span would be a range of its own. */
enum { YOUNG_GAP = 16 };

struct watch watch = {.limit = WATCH_RANGES};

/* This question. */
static struct {
    size_t bytes; /* written */
    watch_visit *visit;
} asked;

/* The last question. The kernel walks the page tables of all that is watched: 1.5 ms for 1.5 GiB. So the
 * members share it, piece by piece. */
static struct {
    _Atomic uint32_t taken; /* pieces; in the order of the ranges */
    _Atomic bool failed;
    lock_t lock; /* of asked.bytes, and of what visits */
} look = {.lock = LOCK_INIT(LOCK_RANK_NONE)};

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
        if (watch.count == watch.limit || dirty_begin(from, to) != DIRTY_OK)
            return false;
        watch.ranges[watch.count++] = (range_t){from, to};
    }
    for (uint32_t slot = first; slot < end; slot += groups_slots(groups_extent(slot)))
        if (groups_extent(slot))
            bitmaps_set_watch(slot, watch.number);
    return true;
}

/* Reading the scanned bits touches half the memory that reading the marks, which lie beside allocs, would. */
bool watch_has_marks(uint32_t slot)
{
    return bitmaps_slot_kind(slot).cls ? bitmaps_any_scanned(slot, bitmaps_words(span_of_slot(slot)))
                                       : bitmaps_any_marked(slot, 1);
}

bool watch_has_span(uint32_t slot)
{
    return bitmaps_watch(slot) == watch.number;
}

static bool is_new(uint32_t slot)
{
    return !watch_has_span(slot) && (!watch.only_marked || watch_has_marks(slot));
}

/* A span that is made while this runs is new at the next question. */
bool watch_arm(void)
{
    if (!watch.ranges)
        watch.ranges = pages_metadata(WATCH_RANGES * sizeof *watch.ranges);
    if (!watch.ranges || !dirty_is_supported())
        return false;
    mark_prepare_beside();
    watch.count = 0;
    watch.only_marked = false;
    watch.number += watch.number == UINT32_MAX ? 2 : 1;
    if (groups_each(is_new, 0, begin_watching))
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
    asked.bytes += to - from;
    asked.visit(from, to);
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
    asked.bytes += to - from;
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
    uint32_t end = groups_end();
    for (uint32_t slot = 0; slot < end;) {
        size_t extent = groups_extent(slot);
        uintptr_t from = (uintptr_t)region_address(slot);
        if (extent >= GROUPS_OBJECT_MAX)
            note(NULL, from, from + extent);
        slot += groups_slots(extent);
    }
}

/* *old: what was written to what is watched already. */
static bool ask_all(watch_visit *visit, size_t *old, size_t *bytes)
{
    asked.visit = visit;
    asked.bytes = 0;
    bool known = ask_of_watched();
    *old = asked.bytes;
    if (known) {
        root_watch_ask(note_root);
        groups_each(is_new, watch.only_marked ? YOUNG_GAP : 0, begin_and_note);
    }
    *bytes = asked.bytes;
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
    asked.visit = visit;
    asked.bytes = 0;
    look.taken = 0;
    look.failed = false;
    workers_run(watched_bytes() > PIECE ? members : 1, look_at_pieces);
    bool known = !look.failed;
    if (known) {
        groups_each(is_new, 0, note_new);
        note_largest();
    }
    *bytes = asked.bytes;
    return known;
}

void watch_set_range_limit(uint32_t ranges)
{
    watch.limit = ranges && ranges < WATCH_RANGES ? ranges : WATCH_RANGES;
}
