/* spare: a thread's share of free runs of slots, so that blocks of 32 KiB to 1 MiB and small spans that come
 * and go do not take the lock of the pages each time.
 *
 *     heap->spare.bins[0]     slots of small spans
 *     heap->spare.bins[1..]   runs of large objects, by the bytes that they are charged with: eight bins per
 *                             doubling
 *
 * A spare run stays charged as it was, in use to the pages, and its size never changes: it serves what fits
 * and wastes at most a quarter. So neither the page statistics nor a limit are asked. Blocks of a thread that
 * has spares are rounded up to a bin.
 *
 * A thread begins without a share. It gets one, and more, when it has found its share full (or none) and then
 * needed a run, a few times over: a program that only grows or only shrinks has none. All shares together are
 * at most an eighth of what is in use, or 16 MiB, times GOGC percent (at most 100); they are counted in
 * page_stats.spare, and as memory in no use by the rule of idle memory. Shares are given up at the thread's
 * end, by malloc_trim and weir_free_os_memory (for threads that sleep as well: tend.h), and once idle memory
 * has gone back for a limit: at the thread's next free of a run, and they grow again 16 times as slowly.
 *
 * All of this is the owner's, under its biased lock (bias.h). */
#ifndef WEIR_MALLOC_SPARE_H
#define WEIR_MALLOC_SPARE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

enum { SPARE_MAX = 1024 * 1024 /* bytes of a run */ };

/* Round bytes, a multiple of the page from SMALL_MAX up to SPARE_MAX, up to a bin, if the thread has
 * spares. */
size_t spare_round(const heap_t *self, size_t bytes);

/* A run of at least so many bytes, its descriptor as it was put but for the links; 0: none. */
uint32_t spare_take_large(heap_t *self, size_t bytes);
/* A slot of a small span. */
uint32_t spare_take_small(heap_t *self);
/* Keep a run, whose state is SPAN_NONE. False: give it to the pages. */
bool spare_put_large(heap_t *self, span_t *span, size_t bytes);
bool spare_put_small(heap_t *self, span_t *span);

/* Give all of it up, and the share. */
void spare_release(heap_t *self);

#endif
