/* harden: see harden.h. */
#include "runtime/heap/harden.h"

#include "runtime/heap/large.h"
#include "runtime/heap/raw.h"

void *harden_malloc(heap_t *self, size_t size, size_t alignment)
{
    return alignment > 16 ? raw_aligned(self, alignment, size) : raw_malloc(self, size);
}

void harden_free(heap_t *self, span_t *span, void *p)
{
    raw_free(self, span, p);
}

size_t harden_usable(span_t *span, const void *p)
{
    (void)p;
    return span->state == SPAN_LARGE || span->state == SPAN_HUGE ? large_usable(span) : span->cell_size;
}
