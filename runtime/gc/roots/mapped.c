/* mapped: see mapped.h. */
#include "runtime/gc/roots/mapped.h"

#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/os/own.h"
#include "runtime/process/dirty.h"
#include "runtime/process/peek.h"

enum { PARTS = 1024, SPARSE = 8, LEAST = 64 * 1024, COPIED = 64 * 1024 };

/* Sorted by address. */
typedef struct part {
    uintptr_t from, to;
    bool known; /* false: something of it could not be read; the last stop takes all of it */
} part_t;

static struct {
    part_t parts[PARTS];
    uint32_t count;
    enum mapped_takes takes;
    size_t bytes; /* written, of the part in question; then, that mapped_scan has handed out */
    part_t *part; /* that is being copied */
    mapped_words *words;
    written_range *visit;
} mapped;

/* --- choosing --- */

static void add_bytes(uintptr_t from, uintptr_t to)
{
    mapped.bytes += to - from;
}

/* Has enough of it been written? */
static bool is_worth(uintptr_t from, uintptr_t to)
{
    mapped.bytes = 0;
    return to - from >= LEAST && written_each_range(from, to, WRITTEN_MAY_READ, add_bytes) &&
           mapped.bytes >= (to - from) / SPARSE;
}

/* The program may have closed the descriptor of the list, and opened another file under its number: then the
 * addresses need not ascend. */
static void choose_part(uintptr_t from, uintptr_t to)
{
    uintptr_t last = mapped.count > 0 ? mapped.parts[mapped.count - 1].to : 0;
    if (mapped.count < PARTS && from >= last && is_worth(from, to))
        mapped.parts[mapped.count++] = (part_t){from, to, true};
}

static bool may_be_watched(unsigned may)
{
    return may == (WRITTEN_MAY_READ | WRITTEN_MAY_WRITE | WRITTEN_IS_ANONYMOUS);
}

static void choose_of_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    if (may_be_watched(may))
        own_subtract(from, to, choose_part);
}

/* The program may change its mappings meanwhile: what cannot be watched is dropped. */
void mapped_watch(void)
{
    uint32_t chosen;
    mapped.count = 0;
    if (filter_permits(FILTER_COPY) && written_each_mapping(choose_of_mapping))
        mapped.takes = MAPPED_NONE;
    chosen = mapped.takes == MAPPED_NONE ? mapped.count : 0;
    mapped.count = 0;
    for (uint32_t i = 0; i < chosen; i++)
        if (dirty_begin(mapped.parts[i].from, mapped.parts[i].to) == DIRTY_OK)
            mapped.parts[mapped.count++] = mapped.parts[i];
}

void mapped_end(void)
{
    for (uint32_t i = 0; i < mapped.count; i++)
        dirty_end(mapped.parts[i].from, mapped.parts[i].to);
    mapped.count = 0;
    mapped.takes = MAPPED_ALL;
}

/* --- beside the program --- */

static void copy_words(uintptr_t from, uintptr_t to)
{
    static char copy[COPIED] __attribute__((aligned(64)));
    for (size_t size; from < to && mapped.part->known; from += size) {
        size = to - from < sizeof copy ? to - from : sizeof copy;
        mapped.part->known = peek(copy, from, size) == size;
        if (mapped.part->known)
            mapped.words((uintptr_t)copy, (uintptr_t)copy + size);
    }
}

static void copy_and_count(uintptr_t from, uintptr_t to)
{
    mapped.bytes += to - from;
    copy_words(from, to);
}

void mapped_scan(mapped_words *words)
{
    mapped.words = words;
    mapped.bytes = 0;
    for (uint32_t i = 0; i < mapped.count; i++) {
        part_t *part = mapped.part = &mapped.parts[i];
        part->known &= written_each_range(part->from, part->to, WRITTEN_MAY_READ, copy_and_count);
    }
}

static void copy_dirty(void *context, uintptr_t from, uintptr_t to)
{
    *(size_t *)context += to - from;
    copy_words(from, to);
}

size_t mapped_ask(mapped_words *words)
{
    size_t bytes = 0;
    mapped.words = words;
    for (uint32_t i = 0; i < mapped.count; i++) {
        part_t *part = mapped.part = &mapped.parts[i];
        if (part->known)
            part->known &= dirty_ask(part->from, part->to, copy_dirty, &bytes) == DIRTY_OK;
    }
    return bytes;
}

size_t mapped_bytes(void)
{
    return mapped.bytes;
}

/* --- in a stop --- */

void mapped_take(enum mapped_takes takes)
{
    mapped.takes = takes;
}

static void visit_dirty(void *context, uintptr_t from, uintptr_t to)
{
    (void)context;
    mapped.visit(from, to);
}

static bool each_of_watched(uintptr_t from, uintptr_t to, written_range *visit)
{
    mapped.visit = visit;
    return mapped.takes == MAPPED_NONE || dirty_look(from, to, visit_dirty, NULL) == DIRTY_OK ||
           written_each_range(from, to, WRITTEN_MAY_READ, visit);
}

/* The first part that reaches beyond the address and is known. */
static const part_t *part_above(uintptr_t address)
{
    uint32_t first = 0, end = mapped.count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (mapped.parts[middle].to > address)
            end = middle;
        else
            first = middle + 1;
    }
    while (first < mapped.count && !mapped.parts[first].known)
        first++;
    return first < mapped.count ? &mapped.parts[first] : NULL;
}

bool mapped_each_range(uintptr_t from, uintptr_t to, unsigned may, written_range *visit)
{
    bool known = true, any = mapped.takes != MAPPED_ALL && may_be_watched(may);
    while (from < to && known) {
        const part_t *part = any ? part_above(from) : NULL;
        uintptr_t low = part && part->from < to ? part->from : to, high = low;
        if (low <= from) {
            high = part->to < to ? part->to : to;
            known = each_of_watched(from, high, visit);
        } else {
            known = written_each_range(from, low, may, visit);
        }
        from = high;
    }
    return known;
}
