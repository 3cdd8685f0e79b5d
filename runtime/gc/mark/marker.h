/* marker: the state of a mark worker, and the inner steps of marking, from a word that was found to a mark
 * and a grey span. The steps are inline, because the loop in mark.c is compiled once for each mode.
 *
 * An object is white while its mark is not set, grey while its mark is set and it has not been scanned, and
 * black once it has been scanned. Invariant: when nothing is grey, no black object points to a white one. A
 * concurrent trace suspends the invariant, and restores it in its last stop: rescan.h.
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
    DENSE = 16,              /* cells to scan, of the 64 of a word: this many or more are not prefetched */
    MARKER_COPY = 16 * 1024, /* bytes that a marker copies at once */
};

/* An object that is being prefetched. */
typedef struct prefetch {
    uintptr_t start;
    uint32_t size, kind;
} prefetch_t;

/* One for each mark worker, which alone uses it. The collector adds up `bytes` and `objects` when no marker
 * is at work. */
typedef struct marker {
    queue_t queue;
    /* The span being scanned, the present word of its bitmaps, and what is left: other words of the span,
     * cells of this word. */
    uint32_t slot, size, kind, word;
    uint64_t words, cells;
    uintptr_t at; /* the first cell of the present word */
    /* Pending bits: cells of the same span that were found, and are marked when their word's turn comes.
     * These are many, because objects that are built together lie together, and mostly point to each other.
     * pending[i] ≠ 0 ⇒ words has bit i. */
    uintptr_t pending_start;
    size_t pending_size; /* bytes; 0: no span, or one whose cells cannot be marked by bits alone */
    uint32_t pending_reciprocal;
    uint64_t pending[SLOT_WORDS];
    /* Two circular queues. _out and _in count what has ever left and entered. */
    objref_t candidates[CANDIDATES]; /* whose bits are being prefetched */
    uint32_t candidates_out, candidates_in;
    prefetch_t prefetch[PREFETCH]; /* the prefetch queue */
    uint32_t prefetch_out, prefetch_in;
    size_t bytes, objects;
} __attribute__((aligned(64))) marker_t;

/* The modes for which the loop is compiled. */
typedef struct mark_mode {
    bool alone;   /* no other marker, and the world stands still: changes need not be atomic */
    bool special; /* the loop tests `watching` and `base_only`: needed if either is set */
} mark_mode_t;
#define AS_MODE static inline __attribute__((always_inline))

/* One for each mark worker. They lie in the runtime's own memory, which is no root, since they are full of
 * addresses of objects. */
HIDDEN extern marker_t *marker_all;

/* Written by the collector, with no marker at work. */
typedef struct marker_state {
    uint32_t members;
    bool base_only; /* in this collection; see mark_set_base_only */
    bool watching;  /* some span is WATCHED */
    bool beside;    /* the program runs */
    size_t root_bytes;
    char *copies; /* room for MARKER_COPY bytes for each marker; NULL: roots are not scanned beside */
} marker_state_t;
HIDDEN extern marker_state_t marker_state;

HIDDEN extern uint32_t marker_cell_size[CLASS_COUNT]; /* written once */
HIDDEN extern _Atomic bool marker_any_put_off;        /* some span is COLLECTED_PUT_OFF; written by markers */
/* An object whose type has a trace function was found, ever; written by markers. */
HIDDEN extern _Atomic bool marker_any_function;

static inline mark_mode_t marker_mode(void)
{
    return (mark_mode_t){.alone = marker_state.members == 1 && !marker_state.beside, .special = true};
}

/* --- mark.c --- */

/* The large object in that slot has just been marked. */
void marker_found_large(marker_t *self, uint32_t slot, mark_mode_t mode);
/* Share that part of a large object among the markers. False: there was no room for all of its ranges. */
bool marker_share_object(uintptr_t from, uintptr_t to);
/* The work of marker number `member`, until no marker has anything left to mark. */
void marker_work(uint32_t member);

/* Scan a range of a large object. */
void marker_scan_piece(marker_t *self, uintptr_t from, uintptr_t to);

/* --- mark_written.c --- */

/* Rescan the slots that were noted (mark_written_add), as long as there are any. */
void marker_rescan(marker_t *self);
/* All are rescanned; no marker is at work. */
void marker_written_clear(void);

/* --- mark_again.c --- */

/* mark_again, by any marker. No other rescans the slot. */
void marker_again(marker_t *self, uint32_t slot, uint32_t first, uint32_t end);

/* In a concurrent trace, leave an object whose type has a trace function to the last stop: the function may
 * expect that what it reads does not change. The object counts as not scanned. */
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

/* True: this call has set the mark. */
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

/* A word has been found that points to this offset in the region. Its object is marked CANDIDATES words
 * later, when the bits have been prefetched. */
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
