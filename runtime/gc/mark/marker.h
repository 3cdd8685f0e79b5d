/* marker: what a mark worker has at work, and the inner steps of marking: from a word that was found to a
 * mark and a grey span. Inline, for the loop in mark.c is compiled once for each mode.
 *
 * An object is white while its mark is not set, grey while its mark is set and it has not been scanned, black
 * then. Invariant: when nothing is grey, no black object points to a white one. While the program runs beside
 * the markers it is suspended: rescan.h restores it in the last stop.
 */
#ifndef WEIR_GC_MARK_MARKER_H
#define WEIR_GC_MARK_MARKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/mark/awake.h"
#include "runtime/gc/mark/objref.h"
#include "runtime/gc/mark/work.h"

enum {
    CANDIDATES = 16,
    PREFETCH = 32,
    DENSE = 16, /* cells of 64 */
};

/* An object that is being prefetched. */
typedef struct prefetch {
    uintptr_t start;
    uint32_t size, kind;
} prefetch_t;

/* One for each mark worker; only its own, but `bytes` and `objects`, which the collector adds up. */
typedef struct marker {
    queue_t queue;
    /* The span that it is at, its present word of the bitmap, and what is left: other words, and cells of
     * this one. */
    uint32_t slot, size, kind, word;
    uint64_t words, cells;
    uintptr_t at; /* the first cell of the present word */
    /* Pending bits: cells of that same span that were found, and are marked when their word's turn comes.
     * What a program builds at once points mostly to what lies nearby. pending[i] ≠ 0 ⇒ words has bit i. */
    uintptr_t pending_start;
    size_t pending_size; /* bytes; 0: at no span, or at one where there is more to do than to mark */
    uint32_t pending_reciprocal;
    uint64_t pending[SLOT_WORDS];
    /* Both circular; counted are those that ever left, and ever entered. */
    objref_t candidates[CANDIDATES]; /* whose bits are on their way */
    uint32_t candidates_out, candidates_in;
    prefetch_t prefetch[PREFETCH]; /* the prefetch queue */
    uint32_t prefetch_out, prefetch_in;
    size_t bytes, objects;
} __attribute__((aligned(64))) marker_t;

/* What the loop is compiled for. */
typedef struct mark_mode {
    bool alone;   /* no other marker, and the world stands still: changes need not be atomic */
    bool special; /* some span is WATCHED, or not every pointer counts */
} mark_mode_t;
#define AS_MODE static inline __attribute__((always_inline))

/* One for each mark worker. In the runtime's own memory, which is no root: they are full of addresses. */
HIDDEN extern marker_t *marker_all;

/* Written by the collector, with no marker at work. */
typedef struct marker_state {
    uint32_t members;
    bool base_only; /* in this collection; see mark_set_base_only */
    bool watching;  /* some span is WATCHED */
    bool beside;    /* the program runs */
    size_t root_bytes;
} marker_state_t;
HIDDEN extern marker_state_t marker_state;

HIDDEN extern uint32_t marker_cell_size[CLASS_COUNT]; /* written once */
HIDDEN extern _Atomic bool marker_any_put_off;        /* some span is COLLECTED_PUT_OFF; written by markers */

static inline mark_mode_t marker_mode(void)
{
    return (mark_mode_t){.alone = marker_state.members == 1 && !marker_state.beside, .special = true};
}

/* --- mark.c --- */

/* The large object in that slot was reached, and was not before. */
void marker_found_large(marker_t *self, uint32_t slot, mark_mode_t mode);
/* Have the markers scan that part of a large object. False: not all of it found a place among the ranges. */
bool marker_share_object(uintptr_t from, uintptr_t to);
/* What marker number `member` does, until nothing is left to be marked by any. */
void marker_work(uint32_t member);

/* --- mark_again.c --- */

/* A function of the program's is only called in a stop: it may expect what it reads not to change. The object
 * is scanned again then, and counts as not yet scanned. */
void marker_put_off(marker_t *self, uintptr_t object);

/* --- marking --- */

/* Queue the span: an object whose bits lie in this word is marked and not scanned. A marker that finds the
 * bit set need not queue it again: the marker that will clear the bit reads the marks after that. Hence the
 * order that everybody keeps: set the mark before greying; clear grey before reading marks. Then no object is
 * missed. */
AS_MODE void marker_make_grey(marker_t *self, uint32_t slot, uint32_t word, mark_mode_t mode)
{
    uint64_t *words = &bitmaps_grey[slot].words;
    uint64_t before = __atomic_load_n(words, __ATOMIC_SEQ_CST);
    if (before >> word & 1)
        return;
    if (mode.alone)
        *words = before | (uint64_t)1 << word;
    else
        before = __atomic_fetch_or(words, (uint64_t)1 << word, __ATOMIC_SEQ_CST);
    if (!before)
        work_add(&self->queue, slot);
}

/* True: it was not, until now. */
AS_MODE bool marker_set_mark(objref_t target, mark_mode_t mode)
{
    bits_t *bits = objref_bits(target);
    uint64_t before = __atomic_load_n(&bits->marks, __ATOMIC_RELAXED), bit = (uint64_t)1 << target % 64;
    if (objref_has_bit(before, target) ||
        !objref_has_bit(__atomic_load_n(&bits->allocs, __ATOMIC_RELAXED), target))
        return false;
    if (mode.alone)
        bits->marks = before | bit;
    else
        before = __atomic_fetch_or(&bits->marks, bit, __ATOMIC_SEQ_CST);
    return mode.alone || !objref_has_bit(before, target);
}

AS_MODE void marker_mark(marker_t *self, objref_t target, mark_mode_t mode)
{
    if (!marker_set_mark(target, mode))
        return;
    if (mode.special && marker_state.watching &&
        collected_has_flag(span_of_slot(objref_slot(target)), COLLECTED_WATCHED))
        awake_add(objref_start(target));
    if (LIKELY(target >> KIND_SHIFT & 1)) {
        marker_make_grey(self, objref_slot(target), objref_cell(target) / 64, mode);
    } else if (objref_cls(target)) {
        self->objects++;
        self->bytes += marker_cell_size[objref_cls(target)];
    } else {
        marker_found_large(self, objref_slot(target), mode);
    }
}

/* A word with that offset in the region has been found: what it points to is looked at when its bits have
 * come, CANDIDATES words later. */
AS_MODE void marker_found(marker_t *self, size_t offset, mark_mode_t mode)
{
    objref_t target = objref_of(offset);
    if (UNLIKELY(!target))
        return;
    __builtin_prefetch(objref_bits(target), 1);
    objref_t *place = &self->candidates[self->candidates_in++ % CANDIDATES], oldest = *place;
    *place = target;
    if (LIKELY(self->candidates_in - self->candidates_out > CANDIDATES)) {
        self->candidates_out++;
        marker_mark(self, oldest, mode);
    }
}

AS_MODE void marker_mark_candidates(marker_t *self, mark_mode_t mode)
{
    while (self->candidates_out != self->candidates_in)
        marker_mark(self, self->candidates[self->candidates_out++ % CANDIDATES], mode);
}

#endif
