/* region: see region.h. The size is 1 TiB, reduced by quarters until the kernel grants it (a small address space),
 * and never more than three quarters of RLIMIT_AS, since the program needs addresses for its code, stacks and
 * files too. */
#include "runtime/pages/region.h"

#include "runtime/os/os.h"

struct region region;
uintptr_t region_base;
size_t region_units;
span_t *region_spans;

enum { TABLE_STEP = 1 << 16 }; /* the span table of sixteen chunks is committed at once */
static const size_t REGION_MAX = (size_t)1 << 40, REGION_MIN = ZERO_ZONE + CHUNK_SIZE;

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static bool region_reserve(size_t size)
{
    size_t spans = size / SLOT_SIZE * sizeof(span_t);
    size_t chunks = round_up(size / CHUNK_SIZE * sizeof(chunk_t), TABLE_STEP);
    size_t tables = round_up(chunks + spans, CHUNK_SIZE);
    char *start = os_reserve(tables + size, CHUNK_SIZE);
    if (!start)
        return false;
    region.size = size;
    region_base = (uintptr_t)start + tables;
    region_spans = (span_t *)(region_base - spans);
    region.chunks = (chunk_t *)((char *)region_spans - chunks);
    region.carved = region.used = ZERO_ZONE;
    if (!os_make_readable(region.chunks, chunks + spans))
        return false;
    /* Last: another thread may be in free(NULL) now, and must not find a span before there is a table. */
    __atomic_store_n(&region_units, size >> CELL_SHIFT, __ATOMIC_RELEASE);
    return true;
}

/* Have the descriptors up to an offset of the region writable. */
static bool region_describe(size_t end)
{
    size_t want = round_up(end / SLOT_SIZE * sizeof(span_t), TABLE_STEP);
    size_t have = region.committed_tables;
    size_t all = region.size / SLOT_SIZE * sizeof(span_t);
    want = want < all ? want : all;
    if (want <= have)
        return true;
    size_t chunks = round_up(want / sizeof(span_t) / CHUNK_SLOTS * sizeof(chunk_t), OS_PAGE);
    if (!os_commit((char *)region_spans + have, want - have) || !os_commit(region.chunks, chunks))
        return false;
    region.committed_tables = want;
    return true;
}

static size_t three_quarters(size_t size)
{
    return size / 4 * 3 / CHUNK_SIZE * CHUNK_SIZE;
}

bool region_init(void)
{
    size_t size = three_quarters(os_address_space_limit());
    size = size < REGION_MAX ? size : REGION_MAX;
    while (size >= REGION_MIN && !region_reserve(size))
        size = three_quarters(size);
    region.is_small = size < REGION_MAX;
    return region_base && region_describe(REGION_MIN);
}

void *region_carve(size_t size, size_t alignment, bool commit)
{
    size_t start = round_up(region_base + region.carved, alignment) - region_base;
    if (size > region.size || start > region.size - size)
        return NULL;
    if (!region_describe(start + size))
        return NULL;
    char *memory = (char *)region_base + start;
    if (commit && !os_commit(memory, size))
        return NULL;
    region.carved = start + size;
    return memory;
}

void region_uncarve(void *memory)
{
    region.carved = (uintptr_t)memory - region_base;
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
