/* bitmaps: which cells of collected spans are allocated, and which were reached. One bit a cell, the first at
 * the slot's first bit; a slot has 512 bytes of each bitmap, so that a cell has one number among all: its
 * slot's times CELLS_MAX, and its own. A large object has one bit.
 *
 *     allocs    the cell is the program's, or in a thread's allocation buffer. Released by the thread that
 *               frees, acquired by the one that allocates
 *     marks     the last trace reached it; zero but between the trace and the sweep of the span. A cell that
 *               the program frees loses first the one bit, then the other
 *     scanned   what it points to was reached too (gc/mark/mark.c). From the end of a trace to the sweep the
 *               same as marks in spans that hold pointers, but for cells freed since
 *
 * And, beside them, what each slot holds, in two bytes, and what is left to scan there. Four claims
 * (os/claim.h), made at first use and mapped as the heap grows; where the heap is large the bitmaps lie on
 * huge pages.
 */
#ifndef WEIR_CELLS_BITMAPS_H
#define WEIR_CELLS_BITMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/classes.h"
#include "runtime/region/region.h"

/* 64 cells: marking asks for one and changes the other. */
typedef struct bits {
    uint64_t allocs, marks;
} bits_t;
enum { CELLS_MAX = SLOT_SIZE / 16, SLOT_WORDS = CELLS_MAX / 64 };
extern bits_t *bitmaps_bits; /* NULL until there is collected memory */
/* Bytes of the region, from its base, that have these tables: beyond there is nothing collected. Grows, under
 * the lock of the collected spans; read by markers. */
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

/* What a slot holds, again: marking asks about every word it finds, and the descriptors of a large heap do
 * not fit into the caches. Written as the span's state is; read by markers. */
typedef struct slot_kind {
    _Alignas(2) uint8_t cls; /* 0: no span of small cells that are collected */
    uint8_t kind;            /* enum span_kind: the lowest bit says whether there are pointers */
} slot_kind_t;
extern slot_kind_t *bitmaps_slot_kinds; /* one a slot; NULL until there is collected memory */
_Static_assert(sizeof(slot_kind_t) == sizeof(uint16_t), "it is read and written at once");
static inline slot_kind_t bitmaps_slot_kind(size_t slot)
{
    slot_kind_t brief;
    __atomic_load(&bitmaps_slot_kinds[slot], &brief, __ATOMIC_ACQUIRE);
    return brief;
}
static inline void bitmaps_set_slot_kind(size_t slot, slot_kind_t brief)
{
    __atomic_store(&bitmaps_slot_kinds[slot], &brief, __ATOMIC_RELEASE);
}

/* What is left to scan in a span. Markers' (gc/mark/mark.c); words is zero between collections. */
typedef struct grey {
    uint64_t words; /* of its bitmap, one bit each, in which cells may be marked and not scanned */
    uint32_t next;  /* slot in the same queue */
    uint32_t watch; /* the collector's: the trace in which the span's pages are watched (gc/cycle/watch.h) */
} grey_t;
extern grey_t *bitmaps_grey; /* one a slot */

/* The index of the cell that an offset into a span of the class lies in: one multiplication. */
static inline uint32_t bitmaps_cell(uint32_t cls, size_t offset)
{
    return class_cell_at(class_reciprocals[cls], offset);
}

/* Have those of a slot, the first of `count` of a span; the others are covered, so that markers may ask about
 * them. False: out of memory. Under the lock of the collected spans. */
bool bitmaps_prepare(uint32_t slot, uint32_t count);
/* Bytes of the tables that the page statistics count as metadata; under the same lock. */
size_t bitmaps_bytes(void);

/* Words of a span's bitmaps. */
static inline uint32_t bitmaps_words(const span_t *span)
{
    return (span->cells + 63u) / 64;
}
/* From `first` on, the first cell that is allocated, or not, as asked for; or `count`. */
uint32_t bitmaps_find(const bits_t *bits, uint32_t first, uint32_t count, bool allocated);
/* Of the cells [*first, end) those in its word, a bit each; *first moves on to the next one. */
static inline uint64_t bitmaps_next_ones(uint32_t *first, uint32_t end)
{
    uint32_t stop = (*first | 63) + 1 < end ? (*first | 63) + 1 : end;
    uint64_t ones = ~(uint64_t)0 >> (64 - (stop - *first)) << *first % 64;
    *first = stop;
    return ones;
}
/* Of the slot's cells [first, end): they are allocated; others may change other bits of the same words
 * meanwhile. */
void bitmaps_allocate(uint32_t slot, uint32_t first, uint32_t end);
/* They are marked and scanned, others changing other bits meanwhile: the collector, in the stopped world; a
 * thread that allocates while a trace runs beside the program. */
void bitmaps_blacken(uint32_t slot, uint32_t first, uint32_t end);
/* Nothing in so many words of the slot's bitmaps is marked, scanned or grey; in the stopped world. */
void bitmaps_whiten(uint32_t slot, uint32_t words);

#endif
