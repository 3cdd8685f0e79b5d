/* collected: memory that the collector reclaims: cells of scan, noscan and typed spans, and large objects.
 *
 * Unlike manual cells a free one holds nothing: what is free is in side bitmaps (bitmaps.h), so that neither
 * the collector nor the sweeper writes among the objects, and a dirty page means that the program wrote
 * there.
 *
 * A thread allocates from allocation buffers: neighbouring free cells, zeroed and marked as allocated when
 * the buffer is taken.
 *
 *     span:  | live | buffer: |given out|at ... end| | live | free | live | never used |
 *                                                   ^position
 *
 * A span is one thread's at a time: between claim and the next stop, or until it has no more free cells. All
 * spans of a kind and class are on one list; a cursor goes through it once in a cycle, and a thread that
 * needs cells takes the span at the cursor, sweeps it (allocs = marks, marks = 0), and has it. So sweeping is
 * lazy, after Hughes ("A semi-incremental garbage collection algorithm", 1982); Go's mcentral does the same.
 * A span of which the program has freed a quarter by itself, since it was swept, may be claimed again in the
 * same cycle; so may one that was swept ahead.
 *
 *     unswept --claim--> a thread's --no more free cells--> swept --a quarter freed--> to be reclaimed
 *                            ^------------------------------ claim -------------------------'
 *
 * Of a descriptor the small ones use, beside what the pages need: next and prev for the list of their class;
 * heap for whose they are; and what region.h names as theirs: epoch, flags, freed, position, next_offered,
 * is_offered, samples.
 *
 * This folder: collected cells: allocating them, their spans and sweeping, and the records that hang on
 * objects.
 */
#ifndef WEIR_GC_CELLS_COLLECTED_H
#define WEIR_GC_CELLS_COLLECTED_H

#include "runtime/cells/bitmaps.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/collected_flags.h"
#include "runtime/cells/span_size.h"
#include "runtime/gc/cells/collected_span.h"

/* Free cells that a thread has, all zero; at == end: none. Written by the thread. */
typedef struct alloc_buffer {
    char *at, *end;
    size_t size; /* of a cell */
} alloc_buffer_t;

/* A thread's share. Written by the thread, not while the world is stopped; then by the collector. */
typedef struct collected {
    alloc_buffer_t buffers[COLLECTED_KINDS][CLASS_COUNT];
    span_t *active[COLLECTED_KINDS][CLASS_COUNT];
    uint64_t taken[CLASS_COUNT]; /* cells that went into buffers, ever, */
    uint64_t returned
        [CLASS_COUNT]; /* and of them, unused, out of these again. As those of a heap: see account.c */
} collected_t;

/* A zeroed object of size > 0, at a multiple of alignment, a power of two; NULL: out of memory, or, not
 * `fresh`, the spans that there are have no room. Inside a world_enter section. */
void *collected_alloc_slow(heap_t *self, enum span_kind kind, size_t size, size_t alignment, bool fresh);

__attribute__((always_inline)) static inline void *collected_alloc_fast(enum span_kind kind, size_t size)
{
    if (UNLIKELY(size > MEDIUM_MAX || !cache.buffers))
        return NULL;
    alloc_buffer_t *buffer =
        &cache.buffers[(size_t)(kind - KIND_SCAN) * CLASS_COUNT + cache.class_of[class_granule(size)]];
    char *p = buffer->at;
    if (UNLIKELY(p == buffer->end))
        return NULL;
    buffer->at = p + buffer->size;
    return p;
}

/* Free an object before the collector finds out; p is the start of a cell of the span, or of a large object.
 * False: it was not allocated. */
bool collected_free(heap_t *self, span_t *span, const void *p);

/* Has the last trace reached the object at p, its start? Until its span is swept. */
static inline bool collected_is_marked(const void *p)
{
    span_t *span = span_of_slot(region_slot(p));
    uint32_t cell = span_is_large(span) ? 0 : bitmaps_cell(span->cls, (uintptr_t)p % SLOT_SIZE);
    return bitmaps_of(span_slot(span))[cell / 64].marks >> cell % 64 & 1;
}

/* --- for the collector --- */

/* Is there any collected memory? */
bool collected_is_used(void);

/* With the world stopped: a trace begins, and the buffers are black. How many cells that were. If the world
 * runs before the end, what is allocated meanwhile is born black, and the tracer has to scan it: its contents
 * come later. A trace of which there is no end was abandoned; the next one takes its marks away. */
size_t collected_begin_trace(void);
/* And then: what is of KIND_KEPT, as ranges. */
void collected_each_kept(void (*range)(uintptr_t from, uintptr_t to));
/* It is a part of the heap that lives, and was looked through as roots. */
void collected_count_kept(size_t *live, size_t *roots);
/* With the world stopped, in place of marking: whatever is allocated lives. How many bytes that are. */
size_t collected_keep_all(void);
/* How many cells and large objects are marked; with the world stopped. */
size_t collected_count_marked(void);
/* With the world stopped, after marking: every span is taken from its thread, and all are to be swept. */
void collected_end_trace(void);
/* After the world has started: give back spans and large objects of which nothing was marked; the lists of
 * the others wait until a thread needs cells. */
void collected_release_dead(heap_t *self);
/* Sweep so many spans that no thread has claimed yet. False: there were fewer. */
bool collected_sweep(size_t spans);
/* All of them. Before the next trace. */
void collected_sweep_rest(void);
/* Give the kernel the pages of spans that hold no object: what the last trace has found dead, and what was
 * freed by hand since. The spans stay, to be claimed or, at the next trace, given back. True: there were
 * some, or may have been. */
bool collected_trim(void);

void collected_thread_end(heap_t *self);
bool collected_before_fork(void);
void collected_after_fork(bool child);

/* Add the objects ever allocated and ever freed, by class; garbage that is not swept yet is not freed.
 * Neither is ever more than the truth. */
void collected_count(uint64_t mallocs[CLASS_COUNT], uint64_t frees[CLASS_COUNT]);

/* Bytes of the bitmaps; they are counted in the page statistics as metadata. */
size_t collected_table_bytes(void);

/* Every structure checked against every other. */
void collected_verify(void);

#endif
