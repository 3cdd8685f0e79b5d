/* Objects come from a weir_pool, and memory from weir_malloc. */
#include <stdlib.h>

#include <weir/control.h>
#include <weir/heap.h>
#include <weir/pool.h>

static inline void *block_new(size_t size)
{
    void *block = weir_malloc(size);
    if (!block)
        abort();
    return block;
}

static inline void block_free(void *block)
{
    weir_free(block);
}

#include "../objects.h"

typedef weir_pool source_t;

static inline source_t *source_open(struct make *make)
{
    return weir_pool_new(&(weir_pool_options){
        .new_object = object_make, .drop = object_drop, .ctx = make, .name = make->name});
}

static inline void source_close(source_t *source)
{
    weir_pool_free(source);
}

static inline void *source_take(source_t *source)
{
    return weir_pool_get(source);
}

static inline void source_give(source_t *source, void *object)
{
    weir_pool_put(source, object);
}

static inline void source_limit(int64_t bytes)
{
    weir_set_memory_limit(bytes);
}
