/* malloc: the C library's allocation functions, laid over the heap: what an unmodified program calls.
 *
 * Each function checks what its manual page makes it responsible for (overflowing products, alignments) and
 * hands the rest to the heap, which refuses sizes over PTRDIFF_MAX, sets errno to ENOMEM and keeps errno in
 * free. Where the standards leave room, glibc 2.36 is followed, because that is what programs were tried on:
 *
 *     malloc(0)            a unique address that free takes; it cannot be read or written (unlike glibc's)
 *     realloc(p, 0)        frees p and returns NULL
 *     memalign             rounds an alignment up to a power of two; aligned_alloc is the same function
 *     posix_memalign       returns its error and, as POSIX has it, leaves errno alone
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/cells/heap_call.h"
#include "runtime/control/trim.h"
#include "runtime/heap/calls.h"
#include "runtime/heap/heap.h"
#include "runtime/malloc/fast.h"
#include "runtime/os/os.h"
#include "runtime/swap/swap.h"

EXPORT void *malloc(size_t size)
{
    return heap_malloc_fast(size);
}

EXPORT void free(void *p)
{
    heap_free_fast(p);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return heap_calloc(count, size);
}

EXPORT void *realloc(void *p, size_t size)
{
    return heap_realloc(p, size);
}

EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_realloc(p, total);
}

/* C23: the caller repeats what it asked for, so that an allocator may save the look-up. This heap has no
 * look-up to save; it checks the size. */
EXPORT void free_sized(void *p, size_t size)
{
    heap_free_sized_as(p, size, HEAP_CALL_MALLOC);
}

EXPORT void free_aligned_sized(void *p, size_t alignment, size_t size)
{
    (void)alignment;
    heap_free_sized_as(p, size, HEAP_CALL_MALLOC);
}

/* ---- aligned blocks ---- */

EXPORT void *memalign(size_t alignment, size_t size)
{
    const size_t largest = SIZE_MAX / 2 + 1; /* the largest power of two in a size_t */
    if (alignment > largest) {
        errno = EINVAL;
        return NULL;
    }
    size_t rounded = 1;
    while (rounded < alignment)
        rounded <<= 1;
    return heap_aligned(rounded, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

EXPORT int posix_memalign(void **result, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) != 0 || !swap_is_power_of_two(alignment))
        return EINVAL;
    int saved = errno;
    void *p = heap_aligned(alignment, size);
    errno = saved;
    if (p == NULL)
        return ENOMEM;
    *result = p;
    return 0;
}

EXPORT void *valloc(size_t size)
{
    return heap_aligned(OS_PAGE, size);
}

EXPORT void *pvalloc(size_t size)
{
    size_t padded;
    if (__builtin_add_overflow(size, (size_t)OS_PAGE - 1, &padded)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_aligned(OS_PAGE, padded & ~(size_t)(OS_PAGE - 1));
}

/* ---- questions and hints ---- */

EXPORT size_t malloc_usable_size(void *p)
{
    return heap_usable_size(p);
}

EXPORT int malloc_trim(size_t keep)
{
    return trim_all(keep);
}

/* glibc gave up cfree in 2.26 and keeps the symbol for the programs linked before. */
EXPORT void cfree(void *p)
{
    heap_free_fast(p);
}
