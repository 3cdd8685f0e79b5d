/* root_watch: see root_watch.h. */
#include "runtime/gc/roots/root_watch.h"

#include "runtime/base/range.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/process/dirty.h"
#include "runtime/process/peek.h"
#include "runtime/process/written.h"
#include "runtime/region/region.h"

/* Each costs a system call at every question, and perhaps a mapping of its own. */
enum { RANGES = 1024 };

/* Whole pages. */
typedef struct watched {
    uintptr_t from, to;
    bool may_split;    /* nobody depends on its mappings */
    range_t mappings;  /* that it lies in; if they may be split, the range itself */
    bool begun;        /* dirty_end or dirty_end_whole is due */
    _Atomic bool lost; /* set by any marker */
} watched_t;

static struct {
    watched_t *ranges; /* of RANGES; from root_watch_protect on sorted and disjoint */
    uint32_t count;
    size_t written; /* bytes, in the last stop */
    /* While the mappings are read: how many of the ranges are done with, and up to where private memory is
     * known to reach. */
    uint32_t checked;
    uintptr_t reached;
    /* While a range of roots is looked through. */
    uintptr_t low, high;
    void (*visit)(uintptr_t from, uintptr_t to);
} watch;

static uint32_t range_limit = RANGES;

bool root_watch_begin(void)
{
    char copy;
    watch.count = 0;
    watch.written = 0;
    if (!watch.ranges)
        watch.ranges = pages_metadata(RANGES * sizeof *watch.ranges);
    return watch.ranges && peek(&copy, (uintptr_t)&watch, 1) == 1;
}

void root_watch_note(uintptr_t from, uintptr_t to, bool may_split)
{
    may_split |= region_owns((const void *)from);
    from = (from + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
    to &= ~(uintptr_t)(OS_PAGE - 1);
    if (from < to && to - from >= ROOT_WATCH_MIN && watch.count < range_limit)
        watch.ranges[watch.count++] = (watched_t){.from = from, .to = to, .may_split = may_split};
}

/* --- protecting --- */

/* Shell sort: the C library's qsort may allocate. */
static void sort(void)
{
    for (uint32_t gap = watch.count / 2; gap > 0; gap /= 2)
        for (uint32_t i = gap; i < watch.count; i++) {
            watched_t range = watch.ranges[i];
            uint32_t to = i;
            for (; to >= gap && watch.ranges[to - gap].from > range.from; to -= gap)
                watch.ranges[to] = watch.ranges[to - gap];
            watch.ranges[to] = range;
        }
}

/* What two ranges have in common belongs to the first of them. */
static void make_disjoint(void)
{
    uint32_t kept = 0;
    uintptr_t end = 0;
    for (uint32_t i = 0; i < watch.count; i++) {
        watched_t range = watch.ranges[i];
        range.from = range.from > end ? range.from : end;
        if (range.from >= range.to)
            continue;
        range.mappings = (range_t){range.from, range.to};
        watch.ranges[kept++] = range;
        end = range.to;
    }
    watch.count = kept;
}

static void note_mappings(watched_t *range, uintptr_t from, uintptr_t to)
{
    if (range->begun || range->may_split)
        return;
    range->mappings.from = from <= range->from ? from : range->mappings.from;
    range->mappings.to = to;
}

static void note_private(uintptr_t from, uintptr_t to, unsigned may)
{
    (void)may;
    for (; watch.checked < watch.count; watch.checked++) {
        watched_t *range = &watch.ranges[watch.checked];
        uintptr_t next = range->from > watch.reached ? range->from : watch.reached;
        if (to <= next)
            return;
        if (from > next) {
            range->lost = true;
            continue;
        }
        note_mappings(range, from, to);
        if (to < range->to) {
            watch.reached = to;
            return;
        }
    }
}

static void lose_what_is_shared(void)
{
    watch.checked = 0;
    watch.reached = 0;
    bool known = watch.count == 0 || written_each_mapping(note_private);
    for (uint32_t i = known ? watch.checked : 0; i < watch.count; i++)
        watch.ranges[i].lost = true;
}

/* The end of watching looks at all pages of the mappings, and lets nobody map anything meanwhile. */
static bool begin_range(const watched_t *range)
{
    static const size_t BESIDE_MAX = (size_t)1 << 30;
    size_t beside = (range->mappings.to - range->mappings.from) - (range->to - range->from);
    return beside <= BESIDE_MAX &&
           dirty_begin_within(range->mappings.from, range->mappings.to, range->from, range->to) == DIRTY_OK;
}

/* What is shared is looked for again afterwards: a mapping that takes a range's place from then on is not
 * watched, so it counts as written. */
void root_watch_protect(bool (*is_taken)(uintptr_t from, uintptr_t to))
{
    sort();
    make_disjoint();
    lose_what_is_shared();
    for (uint32_t i = 0; i < watch.count; i++) {
        watched_t *range = &watch.ranges[i];
        range->begun = !range->lost && !is_taken(range->from, range->to) && begin_range(range);
        range->lost = !range->begun;
    }
    lose_what_is_shared();
}

/* --- asking --- */

void root_watch_ask(void (*written)(void *context, uintptr_t from, uintptr_t to))
{
    for (uint32_t i = 0; i < watch.count; i++) {
        watched_t *range = &watch.ranges[i];
        if (!range->lost && dirty_ask(range->from, range->to, written, NULL) != DIRTY_OK)
            range->lost = true;
    }
}

/* The first range that ends above the address. */
static uint32_t range_above(uintptr_t address)
{
    uint32_t first = 0, end = watch.count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (watch.ranges[middle].to > address)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

static void visit_written(void *context, uintptr_t from, uintptr_t to)
{
    (void)context;
    from = from > watch.low ? from : watch.low;
    to = to < watch.high ? to : watch.high;
    watch.written += to - from;
    watch.visit(from, to);
}

/* Visit the written part of [from, to), which is watched. */
static void visit_watched(uintptr_t from, uintptr_t to)
{
    uintptr_t end = (to + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
    watch.low = from;
    watch.high = to;
    if (dirty_look(from & ~(uintptr_t)(OS_PAGE - 1), end, visit_written, NULL) != DIRTY_OK)
        watch.visit(from, to);
}

void root_watch_each(uintptr_t from, uintptr_t to, void (*range)(uintptr_t from, uintptr_t to))
{
    watch.visit = range;
    for (uint32_t i = range_above(from); i < watch.count && watch.ranges[i].from < to; i++) {
        const watched_t *watched = &watch.ranges[i];
        if (watched->lost)
            continue;
        if (from < watched->from)
            range(from, watched->from);
        from = from > watched->from ? from : watched->from;
        uintptr_t end = to < watched->to ? to : watched->to;
        visit_watched(from, end);
        from = end;
    }
    if (from < to)
        range(from, to);
}

size_t root_watch_written(void)
{
    return watch.written;
}

void root_watch_lose(uintptr_t from, uintptr_t to)
{
    for (uint32_t i = range_above(from); i < watch.count && watch.ranges[i].from < to; i++)
        watch.ranges[i].lost = true;
}

void root_watch_end(void)
{
    for (uint32_t i = 0; i < watch.count; i++) {
        const watched_t *range = &watch.ranges[i];
        if (range->begun && range->may_split)
            dirty_end(range->from, range->to);
        else if (range->begun)
            dirty_end_whole(range->mappings.from, range->mappings.to);
    }
    watch.count = 0;
}

void root_watch_set_range_limit(uint32_t ranges)
{
    range_limit = ranges && ranges < RANGES ? ranges : RANGES;
}
