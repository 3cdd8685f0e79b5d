/* bitmaps: see bitmaps.h. */
#include "runtime/heap/bitmaps.h"

#include "runtime/heap/slots.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { TABLE_BYTES = sizeof(bitmaps_t) + sizeof(brief_t) + sizeof(grey_t) /* for a slot */ };

bitmaps_t *bitmaps;
brief_t *bitmaps_briefs;
grey_t *bitmaps_grey;
uint32_t bitmaps_reciprocals[CLASS_COUNT];

/* Under the lock of the collected spans. */
static struct {
    size_t committed; /* so many slots, from the front, have their tables committed, */
    size_t described; /* and so many are counted in the ledger */
    size_t huge;      /* so many bytes of the bitmaps have huge pages */
} tables;

static bool init(void)
{
    if (bitmaps)
        return true;
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        bitmaps_reciprocals[cls] = (uint32_t)((((uint64_t)1 << 32) + class_size(cls) - 1) / class_size(cls));
    size_t slots = region.size / SLOT_SIZE,
           briefs = (slots * sizeof(brief_t) + OS_PAGE - 1) & ~(size_t)(OS_PAGE - 1);
    bitmaps_t *all = os_reserve(slots * sizeof *all, OS_HUGE_PAGE);
    bitmaps_grey = all ? os_reserve(slots * sizeof *bitmaps_grey, OS_PAGE) : NULL;
    bitmaps_briefs = bitmaps_grey ? os_reserve(briefs, OS_PAGE) : NULL;
    if (!bitmaps_briefs || !os_make_readable(bitmaps_briefs, briefs))
        return false;
    __atomic_store_n(&bitmaps, all, __ATOMIC_RELEASE);
    return true;
}

/* The pages that [from, to) lies on. */
static bool commit_pages(const void *from, const void *to)
{
    uintptr_t first = (uintptr_t)from & ~(uintptr_t)(OS_PAGE - 1),
              end = ((uintptr_t)to + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
    return os_commit((void *)first, end - first);
}

static bool commit(size_t from, size_t to)
{
    return commit_pages(bitmaps + from, bitmaps + to) &&
           commit_pages(bitmaps_grey + from, bitmaps_grey + to) &&
           commit_pages(bitmaps_briefs + from, bitmaps_briefs + to);
}

/* The tables of the slots up to `end` are counted in the ledger from now on. */
static void describe(size_t end)
{
    if (end <= tables.described)
        return;
    atomic_fetch_add_explicit(&ledger.metadata, (end - tables.described) * TABLE_BYTES, memory_order_relaxed);
    tables.described = end;
}

/* Marking looks at them as often as at the objects: those of a large heap have huge pages too. */
static void make_huge(uint32_t slot)
{
    while (tables.huge <= slot * sizeof *bitmaps && slots_want_huge()) {
        size_t end = tables.huge + OS_HUGE_PAGE;
        if (end > tables.committed * sizeof *bitmaps || !os_make_huge((char *)bitmaps + tables.huge))
            return;
        tables.huge = end;
        describe(end / sizeof *bitmaps);
    }
}

/* A quarter more than needed, for fewer calls. */
bool bitmaps_prepare(uint32_t slot)
{
    if (!init())
        return false;
    describe(slot + 1);
    size_t have = tables.committed, need = slot + 1, all = region.size / SLOT_SIZE;
    if (need <= have)
        return true;
    size_t want = (need + need / 4 + CHUNK_SLOTS) & ~(size_t)(CHUNK_SLOTS - 1);
    want = want < all ? want : all;
    if (!commit(have, want))
        return false;
    tables.committed = want;
    make_huge(slot);
    return true;
}

size_t bitmaps_bytes(void)
{
    return tables.described * TABLE_BYTES;
}

uint32_t bitmaps_find(const bits_t *bits, uint32_t first, uint32_t count, bool allocated)
{
    for (uint32_t i = first; i < count;) {
        uint64_t word = __atomic_load_n(&bits[i / 64].allocs, __ATOMIC_RELAXED);
        word = (allocated ? word : ~word) >> i % 64;
        if (word) {
            i += (uint32_t)__builtin_ctzll(word);
            return i < count ? i : count;
        }
        i = (i | 63) + 1;
    }
    return count;
}

/* Those of [*first, end) in its word; *first moves on to the next one. */
static uint64_t next_ones(uint32_t *first, uint32_t end)
{
    uint32_t stop = (*first | 63) + 1 < end ? (*first | 63) + 1 : end;
    uint64_t ones = ~(uint64_t)0 >> (64 - (stop - *first)) << *first % 64;
    *first = stop;
    return ones;
}

void bitmaps_allocate(bits_t *bits, uint32_t first, uint32_t end)
{
    while (first < end) {
        bits_t *word = &bits[first / 64];
        __atomic_fetch_or(&word->allocs, next_ones(&first, end), __ATOMIC_RELAXED);
    }
}

void bitmaps_blacken(bitmaps_t *of, uint32_t first, uint32_t end)
{
    while (first < end) {
        uint32_t word = first / 64;
        uint64_t ones = next_ones(&first, end);
        of->bits[word].marks |= ones;
        of->scanned[word] |= ones;
    }
}
