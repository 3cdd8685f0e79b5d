/* bitmaps: see bitmaps.h. */
#include "runtime/cells/bitmaps.h"

#include "runtime/cells/slots.h"
#include "runtime/os/claim.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum {
    BITS_BYTES = SLOT_WORDS * sizeof(bits_t), /* for a slot */
    SCANNED_BYTES = SLOT_WORDS * sizeof(uint64_t),
    TABLE_BYTES = BITS_BYTES + SCANNED_BYTES + sizeof(slot_kind_t) + sizeof(grey_t),
    HUGE_SLOTS = OS_HUGE_PAGE / SCANNED_BYTES
};

bits_t *bitmaps_bits;
size_t bitmaps_reach;
uint64_t *bitmaps_scanned;
slot_kind_t *bitmaps_slot_kinds;
grey_t *bitmaps_grey;

/* Under the lock of the collected spans. Each is a number of slots, from the region's base on. */
static struct {
    size_t mapped;    /* slots whose tables are mapped; bitmaps_slots reads it without the lock */
    size_t described; /* slots whose tables the page statistics count */
    size_t huge;      /* slots whose bitmaps lie on huge pages */
} tables;

/* What was claimed for a table is kept, if the kernel refuses the next one, for the next call. */
static void *claim_once(void *table, size_t entry, size_t alignment)
{
    return table ? table : claim(os_page_up(region.size / SLOT_SIZE * entry), alignment);
}

static bool init(void)
{
    static bits_t *bits;
    if (bitmaps_bits)
        return true;
    bits = claim_once(bits, BITS_BYTES, OS_HUGE_PAGE);
    bitmaps_scanned = bits ? claim_once(bitmaps_scanned, SCANNED_BYTES, OS_HUGE_PAGE) : NULL;
    bitmaps_grey = bitmaps_scanned ? claim_once(bitmaps_grey, sizeof(grey_t), OS_PAGE) : NULL;
    bitmaps_slot_kinds = bitmaps_grey ? claim_once(bitmaps_slot_kinds, sizeof(slot_kind_t), OS_PAGE) : NULL;
    if (!bitmaps_slot_kinds)
        return false;
    __atomic_store_n(&bitmaps_bits, bits, __ATOMIC_RELEASE);
    return true;
}

/* Map more of a table, for `want` entries. `have` entries are mapped, up to the end of their last page. */
static bool reach(void *table, size_t entry, size_t have, size_t want)
{
    size_t from = os_page_up(have * entry), to = os_page_up(want * entry);
    return from == to || claim_map((char *)table + from, to - from);
}

/* If the kernel refuses to map more of one table, those before it stay extended: have[] counts the mapped
 * entries of each table. */
static bool reach_all(size_t want)
{
    static const size_t entries[] = {BITS_BYTES, SCANNED_BYTES, sizeof(grey_t), sizeof(slot_kind_t)};
    static size_t have[sizeof entries / sizeof *entries];
    void *const all[] = {bitmaps_bits, bitmaps_scanned, bitmaps_grey, bitmaps_slot_kinds};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (have[i] < want && !reach(all[i], entries[i], have[i], want))
            return false;
        have[i] = have[i] < want ? want : have[i];
    }
    return true;
}

/* The tables of the slots up to `end` are counted in the page statistics from now on. */
static void describe(size_t end)
{
    if (end <= tables.described)
        return;
    atomic_fetch_add_explicit(&page_stats.metadata, (end - tables.described) * TABLE_BYTES,
                              memory_order_relaxed);
    tables.described = end;
}

/* --- huge pages --- */

size_t bitmaps_next_small(void)
{
    bool is_due = tables.huge < tables.described && tables.huge + HUGE_SLOTS <= tables.mapped;
    return is_due && slots_want_huge() ? tables.huge : BITMAPS_NONE;
}

/* One huge page of scanned bits for every two of allocs and marks. */
bool bitmaps_make_huge(size_t first)
{
    char *bits = (char *)bitmaps_of((uint32_t)first);
    return os_make_huge(bits) && os_make_huge(bits + OS_HUGE_PAGE) &&
           os_make_huge(bitmaps_scanned_of((uint32_t)first));
}

void bitmaps_note_huge(size_t first)
{
    tables.huge = first + HUGE_SLOTS;
    describe(tables.huge);
}

/* --- mapping --- */

/* Markers look at the descriptor of each slot that the tables cover. So these cover no more of the region
 * than has descriptors, although more of them may be mapped. */
static void cover(void)
{
    size_t mapped = tables.mapped << SLOT_SHIFT, described = region_described();
    __atomic_store_n(&bitmaps_reach, mapped < described ? mapped : described, __ATOMIC_RELEASE);
}

/* Maps a quarter more than needed, for fewer system calls. */
static bool map_for(size_t need)
{
    size_t all = region.size / SLOT_SIZE;
    if (need <= tables.mapped)
        return true;
    size_t want = (need + need / 4 + CHUNK_SLOTS) & ~(size_t)(CHUNK_SLOTS - 1);
    want = want < all ? want : all;
    if (!reach_all(want) && (!pages_make_room() || !reach_all(want)))
        return false;
    __atomic_store_n(&tables.mapped, want, __ATOMIC_RELAXED);
    return true;
}

bool bitmaps_prepare(uint32_t slot, uint32_t count)
{
    if (!init() || !map_for((size_t)slot + count))
        return false;
    describe(slot + 1);
    cover();
    return true;
}

uint32_t bitmaps_slots(void)
{
    return (uint32_t)__atomic_load_n(&tables.mapped, __ATOMIC_RELAXED);
}

size_t bitmaps_bytes(void)
{
    return tables.described * TABLE_BYTES;
}

uint32_t bitmaps_find(const bits_t *bits, uint32_t first, uint32_t count, bool allocated)
{
    for (uint32_t i = first; i < count;) {
        uint64_t word = __atomic_load_n(&bits[i / 64].allocs, __ATOMIC_ACQUIRE);
        word = (allocated ? word : ~word) >> i % 64;
        if (word) {
            i += (uint32_t)__builtin_ctzll(word);
            return i < count ? i : count;
        }
        i = (i | 63) + 1;
    }
    return count;
}

void bitmaps_allocate(uint32_t slot, uint32_t first, uint32_t end)
{
    while (first < end) {
        bits_t *word = &bitmaps_of(slot)[first / 64];
        __atomic_fetch_or(&word->allocs, bitmaps_next_ones(&first, end), __ATOMIC_RELAXED);
    }
}

void bitmaps_blacken(uint32_t slot, uint32_t first, uint32_t end)
{
    while (first < end) {
        uint32_t word = first / 64;
        uint64_t ones = bitmaps_next_ones(&first, end);
        __atomic_fetch_or(&bitmaps_of(slot)[word].marks, ones, __ATOMIC_RELAXED);
        __atomic_fetch_or(&bitmaps_scanned_of(slot)[word], ones, __ATOMIC_RELAXED);
    }
}

void bitmaps_forget_scanned(uint32_t slot, uint32_t first, uint32_t end)
{
    while (first < end) {
        uint64_t *scanned = &bitmaps_scanned_of(slot)[first / 64];
        __atomic_fetch_and(scanned, ~bitmaps_next_ones(&first, end), __ATOMIC_RELAXED);
    }
}

void bitmaps_whiten(uint32_t slot, uint32_t words)
{
    for (uint32_t word = 0; word < words; word++) {
        __atomic_store_n(&bitmaps_of(slot)[word].marks, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&bitmaps_scanned_of(slot)[word], 0, __ATOMIC_RELAXED);
    }
    bitmaps_grey[slot].words = 0;
}

bool bitmaps_any_marked(uint32_t slot, uint32_t words)
{
    uint64_t any = 0;
    for (uint32_t word = 0; word < words; word++)
        any |= __atomic_load_n(&bitmaps_of(slot)[word].marks, __ATOMIC_ACQUIRE);
    return any != 0;
}

bool bitmaps_any_scanned(uint32_t slot, uint32_t words)
{
    uint64_t any = 0;
    for (uint32_t word = 0; word < words; word++)
        any |= __atomic_load_n(&bitmaps_scanned_of(slot)[word], __ATOMIC_RELAXED);
    return any != 0;
}
