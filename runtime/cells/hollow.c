/* hollow: see hollow.h. */
#include "runtime/cells/hollow.h"

#include "runtime/cells/cache.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

/* The pages that a cell reaches into. */
static uint32_t pages_of_cell(const span_t *span, uint32_t cell)
{
    uint32_t first = cell * span->cell_size / OS_PAGE, last = ((cell + 1) * span->cell_size - 1) / OS_PAGE;
    return (2u << last) - (1u << first);
}

static uint32_t index_of(const span_t *span, const cell_t *cell)
{
    return (uint32_t)((uintptr_t)cell - (uintptr_t)span_start(span)) / span->cell_size;
}

bool hollow_has(const span_t *span, const cell_t *cell)
{
    return pages_of_cell(span, index_of(span, cell)) & span->hollow;
}

/* --- giving back --- */

enum { WORDS = SLOT_SIZE / 16 / 64 };

/* The pages below `initialized` that a cell in use reaches into, and the one that untouched cells begin
 * in. */
static uint32_t pages_in_use(const span_t *span)
{
    uint64_t free[WORDS] = {0};
    for (const cell_t *cell = span->free; cell; cell = cell->next) {
        uint32_t index = index_of(span, cell);
        free[index / 64] |= (uint64_t)1 << index % 64;
    }
    uint32_t pages = span->initialized < span->cells ? pages_of_cell(span, span->initialized) : 0;
    for (uint32_t cell = 0; cell < span->initialized; cell++) {
        uint32_t reached = pages_of_cell(span, cell);
        if (!(free[cell / 64] >> cell % 64 & 1) && !(reached & span->hollow))
            pages |= reached;
    }
    return pages;
}

/* Take the cells that reach into the pages off the list; returns how many. */
static uint32_t unlink_cells(span_t *span, uint32_t pages)
{
    uint32_t count = 0;
    cell_t *kept = NULL;
    for (cell_t *cell = span->free, *next; cell; cell = next) {
        next = cell->next;
        if (pages_of_cell(span, index_of(span, cell)) & pages) {
            count++;
        } else {
            cell->next = kept;
            kept = cell;
        }
    }
    span->free = kept;
    return count;
}

uint32_t hollow_release(const span_t *span, uint32_t pages)
{
    uint32_t released = 0;
    while (pages) {
        uint32_t first = (uint32_t)__builtin_ctz(pages);
        uint32_t count = (uint32_t)__builtin_ctz(~(pages >> first));
        uint32_t run = ((1u << count) - 1) << first;
        if (pages_release_inside(span_start(span) + first * OS_PAGE, count))
            released |= run;
        pages &= ~run;
    }
    return released;
}

static uint32_t link_cells(span_t *span, uint32_t pages, cell_t **list);

static void hollow_span(span_t *span)
{
    uint32_t free = span->initialized - span->absent - span_used(span);
    if (free * span->cell_size < OS_PAGE)
        return;
    uint32_t below = (2u << (span->initialized * span->cell_size - 1) / OS_PAGE) - 1;
    uint32_t resident = ((1u << span->touched) - 1) & ~(uint32_t)span->hollow;
    uint32_t pages = below & resident & ~pages_in_use(span);
    if (!pages)
        return;
    span->absent = (uint16_t)(span->absent + unlink_cells(span, pages));
    span->hollow = (uint16_t)(span->hollow | pages);
    uint32_t kept = pages & ~hollow_release(span, pages);
    cell_t *list = span->free;
    span->hollow = (uint16_t)(span->hollow & ~kept);
    span->absent = (uint16_t)(span->absent - link_cells(span, kept, &list));
    span->free = list;
}

/* Give back pages of the class's partial spans. Also relinks these: spans that have cells on their own lists
 * come first, for partial_with_free. */
static bool hollow_class(heap_t *heap, uint32_t cls, bool (*stop)(const heap_t *heap))
{
    bool stopped = false;
    uint32_t with = 0, without = 0, last = 0;
    for (uint32_t slot = heap->partial[cls], next; slot; slot = next) {
        span_t *span = span_of_slot(slot);
        next = span->next;
        stopped = stopped || (stop && stop(heap));
        if (!stopped)
            hollow_span(span);
        last = span->free && !last ? slot : last;
        span_link(span->free ? &with : &without, span);
    }
    if (with && without) {
        span_of_slot(last)->next = without;
        span_of_slot(without)->prev = last;
    }
    heap->partial[cls] = with ? with : without;
    return !stopped;
}

bool hollow_heap(heap_t *heap, bool (*stop)(const heap_t *heap))
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        if (!hollow_class(heap, cls, stop))
            return false;
    return true;
}

/* --- bringing back --- */

/* Put the cells that reach into one of the pages, and into none that is hollow, in front of a list. Returns
 * how many. */
static uint32_t link_cells(span_t *span, uint32_t pages, cell_t **list)
{
    uint32_t count = 0;
    while (pages) {
        uint32_t page = (uint32_t)__builtin_ctz(pages);
        uint32_t first = page * OS_PAGE / span->cell_size,
                 end = ((page + 1) * OS_PAGE - 1) / span->cell_size + 1;
        for (uint32_t cell = first; cell < end && cell < span->initialized; cell++) {
            uint32_t reached = pages_of_cell(span, cell);
            if (reached & span->hollow || reached & pages & ~(1u << page))
                continue; /* in the second case it is linked with the last of its pages */
            cell_t *free = (cell_t *)(void *)(span_start(span) + (size_t)cell * span->cell_size);
            *free = (cell_t){.next = *list, .tag = span};
            *list = free;
            count++;
        }
        pages &= pages - 1;
    }
    return count;
}

cell_t *hollow_revive(span_t *span, uint32_t *count)
{
    cell_t *list = NULL;
    *count = 0;
    while (!list && span->hollow && pages_touch_inside(1)) {
        uint32_t page = span->hollow & -(uint32_t)span->hollow;
        span->hollow = (uint16_t)(span->hollow & ~page);
        *count = link_cells(span, page, &list);
    }
    span->absent = (uint16_t)(span->absent - *count);
    return list;
}
