/* Objects are made anew each time, in memory from malloc, whichever is preloaded. */
#include <stdlib.h>

static inline void *block_new(size_t size)
{
    void *block = malloc(size);
    if (!block)
        abort();
    return block;
}

static inline void block_free(void *block)
{
    free(block);
}

#include "../objects.h"

typedef struct make source_t;

static inline source_t *source_open(struct make *make)
{
    return make;
}

static inline void source_close(source_t *source)
{
    (void)source;
}

static inline void *source_take(source_t *source)
{
    return object_make(source);
}

static inline void source_give(source_t *source, void *object)
{
    object_drop(source, object);
}

/* Only weir's library has this function. */
extern __attribute__((weak)) int64_t weir_set_memory_limit(int64_t bytes);

static inline void source_limit(int64_t bytes)
{
    if (weir_set_memory_limit)
        weir_set_memory_limit(bytes);
}
