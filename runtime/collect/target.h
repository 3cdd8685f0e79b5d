/* target: what a word points to, if it points to collected memory. */
#ifndef WEIR_COLLECT_TARGET_H
#define WEIR_COLLECT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/heap/collected.h"
#include "runtime/heap/large.h"
#include "runtime/os/check.h"

/* What a word points to: a cell of a span of small ones, by its number among all, or a large object, by that
 * of its first slot's first cell; 0: nothing. In one word, as it goes through a queue.
 *
 *     63       56 55      48 47                   12 11      0
 *     |  kind    |   cls    |         slot          |  cell   |      cls 0: a large object, and kind is even
 */
typedef uint64_t target_t;

enum { CLS_SHIFT = 48, KIND_SHIFT = 56, KIND_LARGE = 2 * KIND_COUNT };
_Static_assert((KIND_SCAN & KIND_TYPED & 1) && !((KIND_NOSCAN | KIND_LARGE) & 1), "odd kinds are made grey");

/* Beside the program these read descriptors that others are writing. Of a large object the kind is written
 * last and stays as long as a trace goes on: who finds it finds the rest. Until then, and for all other
 * spans, whatever of a descriptor is new and whatever is old, it is that of no large object with a kind; so
 * this race does no harm. */
#define TARGET_RACES __attribute__((noinline, no_sanitize("thread"), unused)) static

/* KIND_MANUAL: it is not that of a large object that is collected. */
TARGET_RACES enum span_kind target_kind(const span_t *span)
{
    uint8_t state = __atomic_load_n(&span->state, __ATOMIC_ACQUIRE);
    if (state != SPAN_LARGE && state != SPAN_HUGE)
        return KIND_MANUAL;
    return (enum span_kind)__atomic_load_n(&span->kind, __ATOMIC_ACQUIRE);
}

TARGET_RACES size_t target_large_bytes(span_t *span)
{
    return __atomic_load_n(span_bytes(span), __ATOMIC_RELAXED);
}

/* The first slot of the large object there may be. */
TARGET_RACES uint32_t target_first(uint32_t slot)
{
    const span_t *span = span_of_slot(slot);
    bool is_tail = __atomic_load_n(&span->state, __ATOMIC_ACQUIRE) == SPAN_TAIL;
    return is_tail ? __atomic_load_n(&span->next, __ATOMIC_RELAXED) : slot;
}

/* Outside of spans of small cells. */
__attribute__((noinline)) static target_t target_large(uint32_t slot)
{
    slot = target_first(slot);
    if (target_kind(span_of_slot(slot)) == KIND_MANUAL)
        return 0;
    return (target_t)slot * CELLS_MAX | (target_t)KIND_LARGE << KIND_SHIFT;
}

/* At that offset in the region. It may still be a free cell. */
static inline target_t target_of(size_t offset)
{
    size_t slot = offset >> SLOT_SHIFT;
    brief_t is = bitmaps_brief(slot);
    if (UNLIKELY(is.cls == 0))
        return target_large((uint32_t)slot);
    uint32_t both = is.cls | (uint32_t)is.kind << 8;
    return slot * CELLS_MAX | bitmaps_cell(is.cls, offset % SLOT_SIZE) | (target_t)both << CLS_SHIFT;
}

static inline target_t target_at(const void *p)
{
    return target_of((uintptr_t)p - region_base);
}

static inline uint32_t target_cls(target_t target)
{
    return target >> CLS_SHIFT & 0xff;
}

static inline uint32_t target_slot(target_t target)
{
    return (uint32_t)(target / CELLS_MAX);
}

static inline uint32_t target_cell(target_t target)
{
    return target % CELLS_MAX;
}

static inline bits_t *target_bits(target_t target)
{
    return &bitmaps_bits[target << (64 - CLS_SHIFT) >> (64 - CLS_SHIFT + 6)];
}

static inline bool target_has_bit(uint64_t word, target_t target)
{
    return word >> target % 64 & 1;
}

static inline uintptr_t target_start(target_t target)
{
    return (uintptr_t)region_address(target_slot(target)) +
           (size_t)target_cell(target) * class_size(target_cls(target));
}

#endif
