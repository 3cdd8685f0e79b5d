/* A lot is a pool of the Apache portable runtime. */
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_tables.h>

enum { LOT_FREES_EACH = 0 };
typedef struct lot {
    apr_pool_t *pool;
} lot_t;
typedef apr_array_header_t *lot_text_t; /* APR's array, which grows */

static inline void lot_start(void)
{
    apr_initialize();
}

static inline void lot_begin(lot_t *lot)
{
    apr_pool_create(&lot->pool, NULL);
}

static inline void *lot_alloc(lot_t *lot, size_t size)
{
    return apr_palloc(lot->pool, size);
}

static inline void lot_drop(lot_t *lot, void *object)
{
    (void)lot, (void)object;
}

static inline void lot_clear(lot_t *lot)
{
    apr_pool_clear(lot->pool);
}

static inline void lot_end(lot_t *lot)
{
    apr_pool_destroy(lot->pool);
}

static inline void lot_text_begin(lot_t *lot, lot_text_t *text)
{
    *text = apr_array_make(lot->pool, 4, 10);
}

static inline void lot_text_add(lot_t *lot, lot_text_t *text, const char *piece, size_t size)
{
    (void)lot;
    memcpy(apr_array_push(*text), piece, size); /* all pieces have the size of an element */
}

static inline char *lot_text_end(lot_t *lot, lot_text_t *text)
{
    (void)lot;
    *(char *)apr_array_push(*text) = '\0';
    return (*text)->elts;
}
