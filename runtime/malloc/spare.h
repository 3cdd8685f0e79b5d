/* spare: a thread's share of free runs of slots, so that blocks of 32 KiB to 1 MiB and small spans that come
 * and go do not take the lock of the pages each time.
 *
 *     heap->spare.bins[0]     slots of small spans
 *     heap->spare.bins[1..]   runs of large objects, by the bytes that they are charged with: eight bins per
 *                             doubling
 *
 * A spare run stays charged, and counts as in use in the page statistics. Its size never changes: it serves
 * any block that fits and wastes at most a quarter of it. So keeping and taking one touches neither the page
 * statistics nor a limit. Blocks of a thread that has a share are rounded up to a bin.
 *
 * A thread begins without a share. When it could not keep a run, because its share was full or it had none,
 * and later needs a run, a larger share would have served. After several such times it gets a share, or its
 * share doubles. So a program that only grows or only shrinks has none. All shares together are at most GOGC
 * percent (at most 100) of the larger of 16 MiB and an eighth of what is in use. They are counted in
 * page_stats.spare, and the idle rule (docs/design.md) counts them as unused memory. A share is given up at
 * the thread's end, and by malloc_trim and weir_free_os_memory (those of sleeping threads, too: tend.h).
 * After idle memory was released for a limit, a thread gives up its share at its next free of a run, and the
 * share grows again 16 times as slowly.
 *
 * Only the owner calls these functions, or its tender, under the biased lock (bias.h). */
#ifndef WEIR_MALLOC_SPARE_H
#define WEIR_MALLOC_SPARE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

enum { SPARE_MAX = 1024 * 1024 /* bytes of a run */ };

/* If the thread has a share: the size of the smallest bin that `bytes` fit in; else `bytes`. bytes: a
 * multiple of the page; SMALL_MAX < bytes <= SPARE_MAX. */
size_t spare_round(const heap_t *self, size_t bytes);

/* A run of at least so many bytes; 0: none. Its descriptor is as it was when the run was put here, except for
 * the links. */
uint32_t spare_take_large(heap_t *self, size_t bytes);
/* A slot for a small span. */
uint32_t spare_take_small(heap_t *self);
/* Keep a run, whose state is SPAN_NONE. False: give it to the pages. */
bool spare_put_large(heap_t *self, span_t *span, size_t bytes);
bool spare_put_small(heap_t *self, span_t *span);

/* Give up all spare runs, and the share. */
void spare_release(heap_t *self);

#endif
