/* harden: WEIR_DEBUG=harden=1. */
#ifndef WEIR_HEAP_HARDEN_H
#define WEIR_HEAP_HARDEN_H

#include <stddef.h>

#include "runtime/heap/cache.h"

/* size > 0; alignment: a power of two */
void *harden_malloc(heap_t *self, size_t size, size_t alignment);
void harden_free(heap_t *self, span_t *span, void *p);
size_t harden_usable(span_t *span, const void *p);

#endif
