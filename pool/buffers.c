/* buffers: pools of plain memory by size. A size is rounded up to a power of two, and each power has a pool,
 * made when it is first used and never freed. */
#include <errno.h>

#include "pool/pool.h"
#include "runtime/base/text.h"
#include "runtime/heap/heap.h"

enum { SMALLEST_SHIFT = 6, LARGEST_SHIFT = 20, SIZES = LARGEST_SHIFT - SMALLEST_SHIFT + 1 };

static _Atomic(weir_pool *) buffer_pools[SIZES];

static void *buffer_new(void *ctx)
{
    return heap_malloc((size_t)1 << (uintptr_t)ctx);
}

static weir_pool *make_pool(uint32_t shift)
{
    char name[WEIR_POOL_NAME] = "";
    text_t text = text_on(name, sizeof name - 1);
    text_add_str(&text, "buffer-");
    text_add_u64(&text, (uint64_t)1 << shift);
    weir_pool *pool = weir_pool_new(
        &(weir_pool_options){.new_object = buffer_new, .ctx = (void *)(uintptr_t)shift, .name = name});
    weir_pool *other = NULL;
    if (pool)
        pool->takes_any = true;
    if (pool && !atomic_compare_exchange_strong(&buffer_pools[shift - SMALLEST_SHIFT], &other, pool)) {
        weir_pool_free(pool);
        return other;
    }
    return pool;
}

static weir_pool *pool_for(uint32_t shift)
{
    weir_pool *pool = atomic_load_explicit(&buffer_pools[shift - SMALLEST_SHIFT], memory_order_acquire);
    return LIKELY(pool != NULL) ? pool : make_pool(shift);
}

void *weir_buffer_pool_get(size_t size)
{
    if (size > (size_t)1 << LARGEST_SHIFT)
        return heap_malloc(size);
    uint32_t shift = SMALLEST_SHIFT;
    if (size > (size_t)1 << SMALLEST_SHIFT)
        shift = 64 - (uint32_t)__builtin_clzll(size - 1);
    weir_pool *pool = pool_for(shift);
    return pool ? weir_pool_get(pool) : heap_malloc(size);
}

/* The pool is chosen by the buffer's usable size, rounded down: so any block will do. A buffer above the
 * largest size is freed, since most of it would be wasted in a pool. */
void weir_buffer_pool_put(void *buffer)
{
    int saved = errno;
    size_t size = heap_usable_size(buffer);
    uint32_t shift = size ? 63 - (uint32_t)__builtin_clzll(size) : 0;
    weir_pool *pool = shift >= SMALLEST_SHIFT && size <= (size_t)1 << LARGEST_SHIFT ? pool_for(shift) : NULL;
    errno = saved;
    if (pool)
        weir_pool_put(pool, buffer);
    else
        heap_free(buffer);
}
