/* bootstrap: see bootstrap.h. A block is preceded by its size, in the 16 bytes before it. */
#include "runtime/cells/bootstrap.h"

#include <stdatomic.h>
#include <stdint.h>

enum { BOOTSTRAP_BYTES = 64 * 1024, HEADER = 16 };

static struct {
    _Alignas(HEADER) char bytes[BOOTSTRAP_BYTES];
    _Atomic size_t used;
} bootstrap;

static size_t *size_of(const void *p)
{
    return (size_t *)((uintptr_t)p - HEADER);
}

void *bootstrap_alloc(size_t size, size_t alignment)
{
    if (size > BOOTSTRAP_BYTES || alignment > BOOTSTRAP_BYTES)
        return NULL;
    alignment = alignment < HEADER ? HEADER : alignment;
    size = (size + HEADER - 1) & ~(size_t)(HEADER - 1);
    size_t used = atomic_load(&bootstrap.used), start;
    do {
        uintptr_t first = (uintptr_t)bootstrap.bytes + used + HEADER;
        start = ((first + alignment - 1) & ~(alignment - 1)) - (uintptr_t)bootstrap.bytes;
        if (start > BOOTSTRAP_BYTES || size > BOOTSTRAP_BYTES - start)
            return NULL;
    } while (!atomic_compare_exchange_weak(&bootstrap.used, &used, start + size));
    void *p = bootstrap.bytes + start;
    *size_of(p) = size;
    return p;
}

bool bootstrap_owns(const void *p)
{
    return (uintptr_t)p - (uintptr_t)bootstrap.bytes < BOOTSTRAP_BYTES;
}

size_t bootstrap_size(const void *p)
{
    return *size_of(p);
}
