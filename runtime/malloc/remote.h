/* remote: freeing what another thread allocated: chains of cells, sent to their owner. */
#ifndef WEIR_MALLOC_REMOTE_H
#define WEIR_MALLOC_REMOTE_H

#include <stdbool.h>

#include "runtime/cells/cache.h"

/* Free a cell of another heap: chain it, and send the chain when it is long. */
void remote_free(heap_t *self, span_t *span, void *p);
void remote_flush(heap_t *self);
/* Take back what others sent. True if anything came. */
bool remote_drain(heap_t *self);

/* Drain the inbox of a heap without a thread. Does nothing if another thread has the lock. */
void remote_tend_orphan(heap_t *heap);

#endif
