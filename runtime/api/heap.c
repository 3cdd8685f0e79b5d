/* heap: the public functions for manual memory: functions of the heap under their public names. */
#include <weir/heap.h>

#include <errno.h>

#include "runtime/heap/heap.h"

void *weir_malloc(size_t size)
{
    return heap_malloc(size);
}

void *weir_calloc(size_t count, size_t size)
{
    return heap_calloc(count, size);
}

void *weir_realloc(void *block, size_t size)
{
    return heap_realloc(block, size);
}

void weir_free(void *block)
{
    heap_free(block);
}

void weir_free_sized(void *block, size_t size)
{
    heap_free_sized(block, size);
}

void *weir_aligned_alloc(size_t alignment, size_t size)
{
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return heap_aligned(alignment, size);
}

size_t weir_usable_size(const void *block)
{
    return heap_usable_size(block);
}
