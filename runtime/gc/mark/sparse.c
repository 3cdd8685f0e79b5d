/* sparse: see sparse.h. */
#include "runtime/gc/mark/sparse.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/os/spin.h"
#include "runtime/process/written.h"

enum { PIECE = 16 << 20 /* bytes */, RANGES = 48 };

typedef struct written_ranges {
    struct {
        uintptr_t from, to;
    } at[RANGES];
    uint32_t count;
} written_ranges_t;

static spin_t lock;              /* one asks at a time */
static written_ranges_t *asking; /* under the lock: where the ranges are noted */

void sparse_clear(void)
{
    spin_release(&lock);
}

static void add_range(uintptr_t from, uintptr_t to)
{
    written_ranges_t *ranges = asking;
    if (ranges->count == RANGES) {
        ranges->at[RANGES - 1].to = to;
        return;
    }
    ranges->at[ranges->count].from = from;
    ranges->at[ranges->count++].to = to;
}

static bool ask(uintptr_t from, uintptr_t to, written_ranges_t *ranges)
{
    ranges->count = 0;
    spin_acquire(&lock);
    asking = ranges;
    bool known = written_each_range(from, to, WRITTEN_MAY_READ, add_range);
    spin_release(&lock);
    return known;
}

/* False: it is not known what was written. */
static bool each_of_piece(uintptr_t from, uintptr_t to, sparse_visit *visit, void *context)
{
    written_ranges_t ranges;
    bool known = ask(from, to, &ranges);
    for (uint32_t i = 0; known && i < ranges.count; i++)
        visit(context, ranges.at[i].from, ranges.at[i].to);
    memset(&ranges, 0, sizeof ranges); /* addresses left on the stack would keep the object */
    __asm__ volatile("" : : "r"(&ranges) : "memory");
    return known;
}

void sparse_each(uintptr_t from, uintptr_t to, sparse_visit *visit, void *context)
{
    for (uintptr_t end; from < to; from = end) {
        end = to - from > PIECE ? from + PIECE : to;
        if (!each_of_piece(from, end, visit, context)) {
            visit(context, from, to);
            return;
        }
    }
}
