/* collected: memory that the collector reclaims: cells of scan, noscan and typed spans, and large objects.
 *
 * A free collected cell holds no link and no tag, unlike a manual one. Side bitmaps (bitmaps.h) say which
 * cells are free, so neither the collector nor the sweeper writes among the objects, and a dirty page means
 * that the program wrote there.
 *
 * A thread allocates from allocation buffers: neighbouring free cells, zeroed and marked as allocated when
 * the buffer is taken.
 *
 *     span:  | live | buffer: |given out|at ... end| | live | free | live | never used |
 *                                                   ^position
 *
 * A span belongs to one thread at a time: from the thread's claim until the span has no more free cells, or
 * until the stop that ends the next trace. All spans of a kind and class are on one list, and a cursor goes
 * through it once in a cycle. A thread that needs cells sweeps the span at the cursor (allocs &= marks,
 * marks = 0) and claims it if it has free cells. So sweeping is lazy, after Hughes ("A semi-incremental
 * garbage collection algorithm", 1982); Go's mcentral does the same. A swept span may be claimed again in the
 * same cycle when the program itself has freed a quarter of it; so may a span that was swept before a thread
 * needed it.
 *
 * Threads that allocate at the same time write little that is common to them: what a thread has taken is
 * counted some buffers at a time, and a span goes back, if it can, to the thread that had it (`pile`), even
 * if nothing in it lived: its memory is in the cache of that thread's processor.
 *
 *     unswept --claim--> a thread's --no more free cells--> swept --a quarter freed--> to be reclaimed
 *                            ^------------------------------ claim -------------------------'
 *
 * A small collected span uses these fields of its descriptor: those that the pages layer needs; next and prev
 * (the list of its class); heap (of the thread that has claimed it); and those that region.h names: epoch,
 * flags, freed, position, next_offered, is_offered, samples.
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

/* Does collected_bytes_since have all that the thread has taken, or is the size large? Else it is about the
 * same as when it was last read. */
static inline bool collected_is_counted(const heap_t *self, size_t size)
{
    return size > SMALL_MAX || !self->collected || self->collected->uncounted == 0;
}

/* A zeroed object of `size` > 0 bytes at a multiple of `alignment`, a power of two. fresh: a new span may be
 * taken. NULL: out of memory; or, if not fresh, the object is large, or no span of the class has a free cell.
 * The caller is in a no-stop section (world_enter). */
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

/* While a limit is set, grow a large object by moving its pages (large.h): a copy would count twice for a
 * while. The object moves; its new part reads as zero. NULL: nothing has changed; *moves tells why, as in
 * large.h. The caller is in a no-stop section. */
void *collected_grow(heap_t *self, span_t *span, size_t size, bool *moves);
/* Give the end of a large object back. False: nothing has changed. The caller is in a no-stop section. */
bool collected_shrink(heap_t *self, span_t *span, size_t size);

/* Free an object by hand; p is the start of a cell of the span, or of a large object. False: it was not
 * allocated. */
bool collected_free(heap_t *self, span_t *span, const void *p);

/* Has the last trace reached the object that starts at p? Known until its span is swept. */
static inline bool collected_is_marked(const void *p)
{
    span_t *span = span_of_slot(region_slot(p));
    uint32_t cell = span_is_large(span) ? 0 : bitmaps_cell(span->cls, (uintptr_t)p % SLOT_SIZE);
    return bitmaps_of(span_slot(span))[cell / 64].marks >> cell % 64 & 1;
}

/* --- for the collector --- */

/* Is there any collected memory? */
bool collected_is_used(void);

/* Move the side tables of what the heap has grown by to huge pages. Called by the collector alone. */
void collected_back_tables(void);
/* A concurrent trace watches the memory of large objects from before its first stop until after its last one.
 * While they are held, those that are freed by hand keep their memory, and none is resized. */
void collected_hold_large(bool held);
bool collected_holds_large(void);
/* Do the marks of the last trace stay, so that the next one may be young? */
bool collected_keeps_marks(void);
/* Between traces: they stay no longer. */
void collected_forget_marks(void);
/* What was marked when everything was swept, and has not been freed by hand since. Afterwards nothing counts,
 * until it is swept after the next trace. In the stopped world. */
void collected_take_old(size_t *objects, size_t *bytes);
/* With the world stopped: begin a trace; a young one goes on from the marks of the last. Blackens the
 * cells in allocation buffers and the objects of KIND_KEPT; returns how many. If the world runs before the
 * end of the trace, objects allocated meanwhile are born black; the tracer has to scan them nevertheless,
 * since the program fills them later. If collected_end_trace is not called, the trace is abandoned, and
 * the next one clears its marks. */
size_t collected_begin_trace(bool young);
/* After that: pass the memory of the KIND_KEPT objects, which are scanned as roots, to `range`. */
void collected_each_kept(void (*range)(uintptr_t from, uintptr_t to));
/* The same for the large objects that are hidden (malloc/shield.h), whatever their kind. */
void collected_each_hidden(void (*object)(uintptr_t from, uintptr_t to));
/* No trace is under way, and none begins meanwhile: make the large object, of KIND_SCAN or KIND_KEPT, a
 * hidden one. From now on it is not scanned as an object. If it was of KIND_SCAN, it stays of KIND_NOSCAN. */
void collected_hide(span_t *span);
/* Count the bytes of KIND_KEPT objects as live and not as roots: they are part of the heap, though they were
 * scanned as roots. */
void collected_count_kept(size_t *live, size_t *roots);
/* With the world stopped, in place of marking: mark all that is allocated. Returns how many bytes. */
size_t collected_keep_all(void);
/* How many cells and large objects are marked; with the world stopped. */
size_t collected_count_marked(void);
/* With the world stopped, after marking: every span is taken from its thread, and all are to be swept.
 * keeps_marks: marks stay through the sweep. */
void collected_end_trace(bool keeps_marks);
/* How many threads took cells before that, since the trace before. */
uint32_t collected_threads(void);
/* After the world has started: give back the spans and large objects in which nothing was marked. The other
 * spans are swept when a thread needs cells. keeps: some of the spans stay, for the threads that had them. */
void collected_release_dead(heap_t *self, bool keeps);
/* Has a trace ended whose dead are not all released? Any thread may ask. */
bool collected_is_releasing(void);
/* Wait until they are, but no longer than `ns` nanoseconds. Not for the thread that releases them. */
void collected_await_release(uint64_t ns);
/* Would more be held with these bytes than when the trace ended, by more than `passed`? */
bool collected_outgrows_release(size_t bytes, uint64_t passed);
/* Sweep up to this many unswept spans. False: there were fewer. */
bool collected_sweep(size_t spans);
/* Sweep all of them, before the next trace. */
void collected_sweep_rest(void);
/* Sweep all spans; then release to the kernel the pages that only free cells of unclaimed spans reach into.
 * The spans stay: a thread may claim them, and the next trace may give them back. True: some pages were
 * released. */
bool collected_trim(void);

void collected_thread_end(heap_t *self);
bool collected_before_fork(void);
void collected_after_fork(bool child);

/* Add the numbers of objects ever allocated and ever freed, by class. Garbage does not count as freed before
 * it is swept. No count ever exceeds the true one. */
void collected_count(uint64_t mallocs[CLASS_COUNT], uint64_t frees[CLASS_COUNT]);

/* Bytes of the bitmaps; they are counted in the page statistics as metadata. */
size_t collected_table_bytes(void);

/* Every structure checked against every other. */
void collected_verify(void);

#endif
