/* A lot is a talloc context, with a talloc pool of 64 KiB in it: talloc's quickest way. */
#include <talloc.h>

enum { LOT_FREES_EACH = 0, LOT_POOL = 64 * 1024 };
typedef struct lot {
    void *pool;
} lot_t;
typedef char *lot_text_t;

static inline void lot_start(void)
{
}

static inline void lot_begin(lot_t *lot)
{
    lot->pool = talloc_pool(NULL, LOT_POOL);
}

static inline void *lot_alloc(lot_t *lot, size_t size)
{
    return talloc_size(lot->pool, size);
}

static inline void lot_drop(lot_t *lot, void *object)
{
    (void)lot, (void)object;
}

static inline void lot_clear(lot_t *lot)
{
    talloc_free_children(lot->pool);
}

static inline void lot_end(lot_t *lot)
{
    talloc_free(lot->pool);
}

static inline void lot_text_begin(lot_t *lot, lot_text_t *text)
{
    *text = talloc_strdup(lot->pool, "");
}

static inline void lot_text_add(lot_t *lot, lot_text_t *text, const char *piece, size_t size)
{
    (void)lot;
    *text = talloc_strndup_append_buffer(*text, piece, size);
}

static inline char *lot_text_end(lot_t *lot, lot_text_t *text)
{
    (void)lot;
    return *text;
}
