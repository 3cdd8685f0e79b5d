/* watch_keep: see watch.h. What stays watched from one trace to a young one. */
#include <string.h>

#include "runtime/cells/bitmaps.h"
#include "runtime/gc/cycle/groups.h"
#include "runtime/gc/cycle/watch.h"
#include "runtime/gc/cycle/watch_state.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/pages/pages.h"
#include "runtime/process/dirty.h"

enum { KEPT_RANGES = 512 };
/* Slots. Over wider gaps, more would be watched for nothing than is worth watching. */
enum { GAP_MOST = 256 };

/* The ranges that stay watched from one trace to a young one. Used by watch_keep alone. */
static struct {
    range_t *ranges; /* of KEPT_RANGES, in ascending order; NULL until there is a young trace */
    uint32_t count;
} kept;

/* Spans without marked objects are new again. Decided once for each span: the program frees objects
 * meanwhile, and a span that counts as watched has to be. */
static void choose_kept(void)
{
    uint32_t end = groups_end();
    for (uint32_t slot = 0; slot < end; slot += groups_slots(groups_extent(slot)))
        if (groups_extent(slot) && watch_has_span(slot) && !watch_has_marks(slot))
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
    const uint32_t most = watch.limit < KEPT_RANGES ? watch.limit : KEPT_RANGES;
    for (*gap = 0; *gap <= GAP_MOST; *gap = *gap ? *gap * 4 : 1) {
        kept.count = 0;
        groups_each(watch_has_span, *gap, count_kept);
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
    watch.kept = known && groups_each(watch_has_span, gap, note_kept) && kept.count && keep_ranges();
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
