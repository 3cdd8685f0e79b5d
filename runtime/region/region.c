/* region: see region.h. Where a claim is an inaccessible mapping (os/claim.h), the kernel may refuse the full
 * size. Then the size begins at half of RLIMIT_AS, since the program needs addresses for its code, stacks and
 * files too, and is reduced by quarters until the kernel grants it. */
#include "runtime/region/region.h"

#include <errno.h>

#include "runtime/os/claim.h"
#include "runtime/os/os.h"

struct region region;
uintptr_t region_base;
size_t region_units;
span_t *region_spans;

enum { TABLE_STEP = 1 << 16 }; /* the descriptors of sixteen chunks are mapped at once */
static const size_t REGION_MAX = (size_t)1 << 40, REGION_MIN = ZERO_ZONE + CHUNK_SIZE;

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

/* Map a table, of which *have bytes are mapped, up to `want` bytes. */
static bool table_reach(void *table, size_t *have, size_t want)
{
    if (want <= *have)
        return true;
    if (!claim_map((char *)table + *have, want - *have))
        return false;
    *have = want;
    return true;
}

/* Map the descriptors up to an offset of the region. */
static bool region_describe(size_t end)
{
    size_t spans = at_most(round_up(end / SLOT_SIZE * sizeof(span_t), TABLE_STEP),
                           region.size / SLOT_SIZE * sizeof(span_t));
    size_t slots = spans / sizeof(span_t);
    size_t chunks = round_up(slots / CHUNK_SLOTS * sizeof(chunk_t), OS_PAGE);
    if (!table_reach(region.chunks, &region.mapped_chunks, chunks) ||
        !table_reach(region_spans, &region.mapped_spans, spans))
        return false;
    /* Last: another thread may be in free() now, and must not find a unit before there is a descriptor. */
    if (slots * (SLOT_SIZE >> CELL_SHIFT) > region_units)
        __atomic_store_n(&region_units, slots * (SLOT_SIZE >> CELL_SHIFT), __ATOMIC_RELEASE);
    return true;
}

static bool region_claim(size_t size)
{
    size_t spans = size / SLOT_SIZE * sizeof(span_t);
    size_t chunks = round_up(size / CHUNK_SIZE * sizeof(chunk_t), TABLE_STEP);
    size_t tables = round_up(chunks + spans, CHUNK_SIZE);
    char *start = claim(tables + size, CHUNK_SIZE);
    if (!start)
        return false;
    region.size = size;
    region_base = (uintptr_t)start + tables;
    region_spans = (span_t *)(region_base - spans);
    region.chunks = (chunk_t *)((char *)region_spans - chunks);
    region.carved = region.used = ZERO_ZONE;
    region.is_small = claim_is_reserved(start) && size < REGION_MAX;
    return true;
}

bool region_init(void)
{
    size_t size = REGION_MAX;
    if (!region_claim(size)) {
        size = at_most(os_address_space_limit() / 2 / CHUNK_SIZE * CHUNK_SIZE, size);
        while (size >= REGION_MIN && !region_claim(size))
            size = size / 4 * 3 / CHUNK_SIZE * CHUNK_SIZE;
    }
    return region_base && region_describe(REGION_MIN);
}

/* Commit the front of a place in the region. False: other code has mapped something there, or the kernel
 * refused. */
static bool region_obtain(char *memory, size_t size, size_t committed)
{
    return (size == committed || claim_is_free(memory + committed, size - committed)) &&
           (committed == 0 || claim_map(memory, committed));
}

/* Find and commit the first free place from `start` on, at a multiple of `alignment`. Another mapping in the
 * way may be large, so the steps grow. 0: there is none. */
static size_t region_find(size_t start, size_t size, size_t alignment, size_t committed)
{
    for (size_t step = 0;; step = step ? 2 * step : CHUNK_SIZE) {
        start = round_up(region_base + start + step, alignment) - region_base;
        if (size > region.size || start > region.size - size || !region_describe(start + size))
            return 0;
        if (region_obtain((char *)region_base + start, size, committed))
            return start;
        if (errno != EEXIST)
            return 0;
    }
}

void *region_carve(size_t size, size_t alignment, size_t committed)
{
    size_t start = region_find(region.carved, size, alignment, committed);
    if (!start)
        return NULL;
    region.carved = start + size;
    return (char *)region_base + start;
}

bool region_commit(void *start, size_t size)
{
    return claim_map(start, size);
}

bool region_decommit(void *start, size_t size)
{
    return claim_unmap(start, size);
}

void region_note_used(const void *memory, size_t size)
{
    size_t end = round_up((uintptr_t)memory + size - region_base, CHUNK_SIZE);
    if (end > region.used)
        region.used = end;
}

size_t region_table_bytes(void)
{
    /* A descriptor page appears when its first descriptor is written: one page a chunk. */
    size_t described = region.used > ZERO_ZONE ? (region.used - ZERO_ZONE) / CHUNK_SIZE * OS_PAGE : 0;
    return described + round_up(region.used / CHUNK_SIZE * sizeof(chunk_t), OS_PAGE);
}
