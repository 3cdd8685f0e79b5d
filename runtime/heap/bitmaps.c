/* bitmaps: see bitmaps.h. */
#include "runtime/heap/bitmaps.h"

#include "runtime/heap/slots.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { TABLE_BYTES = SLOT_BITS * sizeof(bits_t) + sizeof(brief_t) /* for a slot */ };

bits_t *bitmaps_bits;
brief_t *bitmaps_briefs;
uint32_t bitmaps_reciprocals[CLASS_COUNT];

/* Under the lock of the collected spans. So many slots, from the front, */
static struct {
    size_t committed; /* have their tables committed, */
    size_t described; /* are counted in the ledger, */
    size_t huge;      /* have huge pages */
} tables;

static bool init(void)
{
    if (bitmaps_bits)
        return true;
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        bitmaps_reciprocals[cls] = (uint32_t)((((uint64_t)1 << 32) + class_size(cls) - 1) / class_size(cls));
    size_t slots = region.size / SLOT_SIZE,
           briefs = (slots * sizeof(brief_t) + OS_PAGE - 1) & ~(size_t)(OS_PAGE - 1);
    bits_t *bits = os_reserve(slots * SLOT_BITS * sizeof *bits, OS_HUGE_PAGE);
    bitmaps_briefs = bits ? os_reserve(briefs, OS_PAGE) : NULL;
    if (!bitmaps_briefs || !os_make_readable(bitmaps_briefs, briefs))
        return false;
    __atomic_store_n(&bitmaps_bits, bits, __ATOMIC_RELEASE);
    return true;
}

static bool commit(size_t from, size_t to)
{
    uintptr_t first = (uintptr_t)(bitmaps_briefs + from) & ~(uintptr_t)(OS_PAGE - 1),
              end = ((uintptr_t)(bitmaps_briefs + to) + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
    return os_commit(bitmaps_of((uint32_t)from), (to - from) * SLOT_BITS * sizeof(bits_t)) &&
           os_commit((void *)first, end - first);
}

/* The bitmaps of the slots up to `end` are counted in the ledger from now on. */
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
    enum { HUGE_SLOTS = OS_HUGE_PAGE / (SLOT_BITS * sizeof(bits_t)) };
    while (tables.huge <= slot && slots_want_huge()) {
        size_t end = tables.huge + HUGE_SLOTS;
        if (end > tables.committed || !os_make_huge(bitmaps_of((uint32_t)tables.huge)))
            return;
        tables.huge = end;
        describe(end);
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

void bitmaps_set(bits_t *bits, uint32_t first, uint32_t end, bool marks)
{
    while (first < end) {
        uint32_t stop = (first | 63) + 1 < end ? (first | 63) + 1 : end;
        uint64_t ones = ~(uint64_t)0 >> (64 - (stop - first)) << first % 64;
        bits_t *word = &bits[first / 64];
        __atomic_fetch_or(marks ? &word->marks : &word->allocs, ones, __ATOMIC_RELAXED);
        first = stop;
    }
}
