/* objref: what a word points to, if it points to collected memory. */
#ifndef WEIR_GC_MARK_OBJREF_H
#define WEIR_GC_MARK_OBJREF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/span_size.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/os/check.h"

/* A reference to an object. Of a cell of a small span: its number among all cells of the region. Of a large
 * object: the number of the first cell of its first slot. 0: no object. It is one word, since it goes through
 * a queue.
 *
 *     63       56 55      48 47                   12 11      0
 *     |  kind    |   cls    |         slot          |  cell   |      cls 0: a large object, and kind is even
 */
typedef uint64_t objref_t;

enum { CLS_SHIFT = 48, KIND_SHIFT = 56, KIND_LARGE = 2 * KIND_COUNT };
_Static_assert((KIND_SCAN & KIND_TYPED & 1) && !((KIND_NOSCAN | KIND_LARGE) & 1), "odd kinds are made grey");

/* In a concurrent trace these functions read descriptors that other threads are writing. This race is benign.
 * The kind of a large collected object is written last, and does not change during a trace: a thread that
 * reads the kind sees the other fields. The descriptors of other spans, with any mixture of old and new
 * fields, never look like a large collected object. */
#define OBJREF_RACES __attribute__((noinline, no_sanitize("thread"), unused)) static

/* KIND_MANUAL: this is not a large collected object. */
OBJREF_RACES enum span_kind objref_kind(const span_t *span)
{
    uint8_t state = __atomic_load_n(&span->state, __ATOMIC_ACQUIRE);
    if (state != SPAN_LARGE && state != SPAN_HUGE)
        return KIND_MANUAL;
    return (enum span_kind)__atomic_load_n(&span->kind, __ATOMIC_ACQUIRE);
}

OBJREF_RACES size_t objref_large_bytes(span_t *span)
{
    return __atomic_load_n(span_bytes(span), __ATOMIC_RELAXED);
}

/* The first slot of the large object that this slot may belong to. */
OBJREF_RACES uint32_t objref_first(uint32_t slot)
{
    const span_t *span = span_of_slot(slot);
    bool is_tail = __atomic_load_n(&span->state, __ATOMIC_ACQUIRE) == SPAN_TAIL;
    return is_tail ? __atomic_load_n(&span->first, __ATOMIC_RELAXED) : slot;
}

/* The reference for a slot that is not in a small span. */
__attribute__((noinline)) static objref_t objref_large(uint32_t slot)
{
    slot = objref_first(slot);
    if (objref_kind(span_of_slot(slot)) == KIND_MANUAL)
        return 0;
    return (objref_t)slot * CELLS_MAX | (objref_t)KIND_LARGE << KIND_SHIFT;
}

/* The reference for an offset in the region. The cell may be a free one. */
static inline objref_t objref_of(size_t offset)
{
    size_t slot = offset >> SLOT_SHIFT;
    slot_kind_t is = bitmaps_slot_kind(slot);
    if (UNLIKELY(is.cls == 0))
        return objref_large((uint32_t)slot);
    uint32_t both = is.cls | (uint32_t)is.kind << 8;
    return slot * CELLS_MAX | bitmaps_cell(is.cls, offset % SLOT_SIZE) | (objref_t)both << CLS_SHIFT;
}

static inline objref_t objref_at(const void *p)
{
    return objref_of((uintptr_t)p - region_base);
}

static inline uint32_t objref_cls(objref_t target)
{
    return target >> CLS_SHIFT & 0xff;
}

static inline uint32_t objref_slot(objref_t target)
{
    return (uint32_t)(target / CELLS_MAX);
}

static inline uint32_t objref_cell(objref_t target)
{
    return target % CELLS_MAX;
}

static inline bits_t *objref_bits(objref_t target)
{
    return &bitmaps_bits[target << (64 - CLS_SHIFT) >> (64 - CLS_SHIFT + 6)];
}

static inline bool objref_has_bit(uint64_t word, objref_t target)
{
    return word >> target % 64 & 1;
}

static inline uintptr_t objref_start(objref_t target)
{
    return (uintptr_t)region_address(objref_slot(target)) +
           (size_t)objref_cell(target) * class_size(objref_cls(target));
}

#endif
