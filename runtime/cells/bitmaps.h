/* bitmaps: which cells of collected spans are allocated, and which were reached. Each bitmap has one bit per
 * cell. A slot has 512 bytes of each, beginning with its first cell, so bit slot * CELLS_MAX + cell is that
 * cell's. A large object has one bit.
 *
 *     allocs    the cell is the program's, or in a thread's allocation buffer. Memory order: the thread that
 *               frees releases, the one that allocates acquires
 *     marks     the last trace reached the cell; zero from the sweep of the span to the next trace, unless
 *               the next trace may be a young one (gc/cycle/trace.h): then marks stay through the sweep.
 *               Freeing a cell clears its allocs bit first, then its marks bit; during a trace the mark stays
 *     scanned   the trace has looked into the cell: what it points to is marked, too (gc/mark/mark.c). From
 *               the end of a trace to the sweep, and as long as marks stay, scanned == marks in spans that
 *               hold pointers, except for cells freed since
 *
 * Two more tables have one entry per slot: what the slot holds (slot_kind_t), and what is left to scan there
 * (grey_t). allocs and marks share a table (bits_t). Each of the four tables is a claim of address space
 * (os/claim.h), made at first use and mapped as the heap grows. The bitmaps of a large heap lie on huge
 * pages.
 */
#ifndef WEIR_CELLS_BITMAPS_H
#define WEIR_CELLS_BITMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/classes.h"
#include "runtime/region/region.h"

/* The bits of 64 cells, side by side because marking reads allocs and then changes marks. */
typedef struct bits {
    uint64_t allocs, marks;
} bits_t;
enum { CELLS_MAX = SLOT_SIZE / 16, SLOT_WORDS = CELLS_MAX / 64 };
extern bits_t *bitmaps_bits; /* NULL until there is collected memory */
/* The tables cover this many bytes of the region, from its base; no collected memory lies beyond. Grows,
 * under the lock of the collected spans; markers read it. At most region_described(). */
extern size_t bitmaps_reach;
static inline bool bitmaps_cover(const void *p)
{
    return (uintptr_t)p - region_base < __atomic_load_n(&bitmaps_reach, __ATOMIC_ACQUIRE);
}
extern uint64_t *bitmaps_scanned;
static inline bits_t *bitmaps_of(uint32_t slot)
{
    return bitmaps_bits + (size_t)slot * SLOT_WORDS;
}
static inline uint64_t *bitmaps_scanned_of(uint32_t slot)
{
    return bitmaps_scanned + (size_t)slot * SLOT_WORDS;
}

/* What a slot holds: a copy of two fields of its descriptor. Marking asks about every word it finds, and the
 * descriptors of a large heap do not fit into the processor's caches. Written together with the span's state;
 * markers read it. */
typedef struct slot_kind {
    _Alignas(2) uint8_t cls; /* 0: the slot is not a span of small collected cells */
    uint8_t kind;            /* enum span_kind: the lowest bit says whether there are pointers */
} slot_kind_t;
extern slot_kind_t *bitmaps_slot_kinds; /* one a slot; NULL until there is collected memory */
_Static_assert(sizeof(slot_kind_t) == sizeof(uint16_t), "it is read and written at once");
static inline slot_kind_t bitmaps_slot_kind(size_t slot)
{
    slot_kind_t kind;
    __atomic_load(&bitmaps_slot_kinds[slot], &kind, __ATOMIC_ACQUIRE);
    return kind;
}
static inline void bitmaps_set_slot_kind(size_t slot, slot_kind_t kind)
{
    __atomic_store(&bitmaps_slot_kinds[slot], &kind, __ATOMIC_RELEASE);
}

/* What is left to scan in a span. Written by markers (gc/mark/mark.c); words is zero between collections. */
typedef struct grey {
    uint64_t words; /* one bit for each word of the bitmaps that may have cells marked and not scanned */
    uint32_t next;  /* slot in the same queue */
    /* The number of the arming in which the span's pages are watched (gc/cycle/watch.h). The collector sets
     * it; the thread that gives the span up clears it. */
    uint32_t watch;
} grey_t;
extern grey_t *bitmaps_grey; /* one a slot */
static inline uint32_t bitmaps_watch(uint32_t slot)
{
    return __atomic_load_n(&bitmaps_grey[slot].watch, __ATOMIC_RELAXED);
}
static inline void bitmaps_set_watch(uint32_t slot, uint32_t number)
{
    __atomic_store_n(&bitmaps_grey[slot].watch, number, __ATOMIC_RELAXED);
}

/* The index of the cell that an offset into a span of the class lies in: one multiplication. */
static inline uint32_t bitmaps_cell(uint32_t cls, size_t offset)
{
    return class_cell_at(class_reciprocals[cls], offset);
}

/* Map the tables for the `count` slots of a span, of which `slot` is the first. Only the first slot's entries
 * are used; the others are mapped because markers may ask about them. False: out of memory. Under the lock of
 * the collected spans. */
bool bitmaps_prepare(uint32_t slot, uint32_t count);

/* Marking reads the bitmaps as often as the objects, so those of a large heap lie on huge pages too. The
 * collector sees to it, part by part, and not the thread that maps them: it takes the kernel milliseconds. */
#define BITMAPS_NONE SIZE_MAX
/* The first slot of the next part that is to lie on huge pages; BITMAPS_NONE: there is none now. Under the
 * same lock. */
size_t bitmaps_next_small(void);
/* Move that part to huge pages, without the lock. False: the kernel has none. */
bool bitmaps_make_huge(size_t first);
/* It was moved: all of it is resident, and counts as metadata. Under the lock. */
void bitmaps_note_huge(size_t first);

/* Slots whose tables are mapped: at least those of bitmaps_reach, which has room to grow. Any thread. */
uint32_t bitmaps_slots(void);
/* Bytes of the tables that the page statistics count as metadata; under the same lock. */
size_t bitmaps_bytes(void);

/* Words of a span's bitmaps. */
static inline uint32_t bitmaps_words(const span_t *span)
{
    return (span->cells + 63u) / 64;
}
/* The first cell from `first` on whose allocs bit is as `allocated` says; `count` if there is none. */
uint32_t bitmaps_find(const bits_t *bits, uint32_t first, uint32_t count, bool allocated);
/* The mask of those of the cells [*first, end) that share *first's word. *first moves on to the cell after
 * them. */
static inline uint64_t bitmaps_next_ones(uint32_t *first, uint32_t end)
{
    uint32_t stop = (*first | 63) + 1 < end ? (*first | 63) + 1 : end;
    uint64_t ones = ~(uint64_t)0 >> (64 - (stop - *first)) << *first % 64;
    *first = stop;
    return ones;
}
/* Set the allocs bits of the slot's cells [first, end). Other threads may change other bits of the same words
 * meanwhile. */
void bitmaps_allocate(uint32_t slot, uint32_t first, uint32_t end);
/* Set their marks and scanned bits. Other threads may change other bits meanwhile. Called by the collector in
 * the stopped world, and by a thread that allocates while a trace runs beside the program. */
void bitmaps_blacken(uint32_t slot, uint32_t first, uint32_t end);
/* Clear their scanned bits. Between traces; bitmaps_whiten may run meanwhile. */
void bitmaps_forget_scanned(uint32_t slot, uint32_t first, uint32_t end);
/* Clear the first `words` words of the slot's marks and scanned bits, and its grey_t.words. Between traces,
 * or in the stopped world. Other threads may free and take cells meanwhile. */
void bitmaps_whiten(uint32_t slot, uint32_t words);
/* Is any bit set in the first `words` words of the slot's marks, or of its scanned bits? */
bool bitmaps_any_marked(uint32_t slot, uint32_t words);
bool bitmaps_any_scanned(uint32_t slot, uint32_t words);

#endif
