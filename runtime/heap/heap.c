/* heap: see heap.h. The entry points that allocate: each finds out which part of the heap a size belongs to
 * and hands it on. Those that free are in free.c, those that resize in resize.c.
 *
 *     size 0           zero.h          1..SMALL_MAX   thread cache, span.c          more   large.h
 */
#include "runtime/heap/heap.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "runtime/cells/bootstrap.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/heap_call.h"
#include "runtime/config/options.h"
#include "runtime/debug/span_check.h"
#include "runtime/harden/harden.h"
#include "runtime/heap/calls.h"
#include "runtime/heap/hooks.h"
#include "runtime/heap/retry.h"
#include "runtime/malloc/fast.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/raw.h"
#include "runtime/malloc/span.h"
#include "runtime/malloc/zero.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"

/* The error is always ENOMEM, whatever the kernel's was. */
static void *or_enomem(void *p)
{
    return p ? p : retry_no_memory();
}

/* This thread has no heap: memory is out, or this is a signal handler that interrupts the making of one. */
COLD static void *alloc_without_heap(size_t size, size_t alignment)
{
    void *p = cache.starting ? bootstrap_alloc(size, alignment) : NULL;
    return p ? p : retry_no_memory();
}

static void *malloc_zero_size(heap_t *self, enum heap_call call)
{
    void *p = zero_malloc();
    if (LIKELY(p != NULL))
        return p;
    return options.harden ? harden_malloc(self, 0, 16, call) : raw_malloc(self, 1);
}

static void *malloc_anywhere_once(size_t size, enum heap_call call)
{
    heap_t *self = thread_heap();
    void *p;
    if (UNLIKELY(!self))
        return alloc_without_heap(size, 1);
    if (UNLIKELY(size == 0))
        p = malloc_zero_size(self, call);
    else if (UNLIKELY(options.collect))
        p = hook_collected(size, 1);
    else if (UNLIKELY(options.harden))
        p = harden_malloc(self, size, 16, call);
    else
        p = raw_malloc(self, size);
    if (UNLIKELY(cache.ended))
        thread_return_borrowed();
    return p;
}

static void *malloc_anywhere(size_t size, enum heap_call call)
{
    void *p = malloc_anywhere_once(size, call);
    return retry_is_worth(p) ? retry_result(malloc_anywhere_once(size, call)) : or_enomem(p);
}

void *heap_malloc_slow(size_t size)
{
    heap_t *self = cache.heap;
    if (LIKELY(size != 0) && cache_is_used(self)) {
        void *p =
            LIKELY(size <= SMALL_MAX) ? raw_malloc_cell(self, size) : large_malloc(self, size, 1, false);
        return retry_is_worth(p) ? retry_result(malloc_anywhere_once(size, HEAP_CALL_MALLOC)) : or_enomem(p);
    }
    return malloc_anywhere(size, HEAP_CALL_MALLOC);
}

void *heap_malloc_slow_as(size_t size, enum heap_call call)
{
    return cache_is_used(cache.heap) ? heap_malloc_slow(size) : malloc_anywhere(size, call);
}

void *heap_malloc(size_t size)
{
    return heap_malloc_fast(size);
}

static void *calloc_large_once(size_t size)
{
    heap_t *self = thread_heap();
    void *p = self ? large_malloc(self, size, 1, true) : alloc_without_heap(size, 1);
    thread_return_borrowed();
    return p;
}

static void *calloc_large(size_t size)
{
    void *p = calloc_large_once(size);
    return retry_is_worth(p) ? retry_result(calloc_large_once(size)) : or_enomem(p);
}

void *heap_calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return retry_no_memory();
    if (total > SMALL_MAX && !options.harden && !options.collect)
        return calloc_large(total);
    void *p = heap_malloc_fast(total);
    bool is_clear = options.collect || (options.harden && total > SMALL_MAX);
    return p && total && !is_clear ? memset(p, 0, total) : p;
}

void *heap_aligned(size_t alignment, size_t size)
{
    return heap_aligned_as(alignment, size, HEAP_CALL_MALLOC);
}

static void *aligned_once(size_t alignment, size_t size, enum heap_call call)
{
    heap_t *self = thread_heap();
    if (UNLIKELY(!self))
        return alloc_without_heap(size, alignment);
    if (size > PTRDIFF_MAX || alignment > region.size)
        return retry_no_memory();
    void *p;
    if (options.collect)
        p = hook_collected(size ? size : 1, alignment);
    else if (options.harden)
        p = harden_malloc(self, size, alignment, call);
    else
        p = raw_aligned(self, alignment, size ? size : 1);
    thread_return_borrowed();
    return p;
}

void *heap_aligned_as(size_t alignment, size_t size, enum heap_call call)
{
    if (alignment <= 16)
        return heap_malloc_as(size, call);
    void *p = aligned_once(alignment, size, call);
    return retry_is_worth(p) ? retry_result(aligned_once(alignment, size, call)) : or_enomem(p);
}

void *heap_manual(size_t alignment, size_t size)
{
    if (LIKELY(!options.collect))
        return heap_aligned(alignment, size);
    heap_t *self = thread_heap();
    void *p = self && size <= PTRDIFF_MAX ? raw_aligned(self, alignment, size) : retry_no_memory();
    thread_return_borrowed();
    return p;
}
