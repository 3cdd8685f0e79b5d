/* A lot is an obstack of the C library's. */
#include <obstack.h>
#include <stdlib.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free
enum { LOT_FREES_EACH = 0 };
typedef struct lot {
    struct obstack obstack;
    void *first;
} lot_t;
typedef char lot_text_t;

static inline void lot_start(void)
{
}

static inline void lot_begin(lot_t *lot)
{
    obstack_init(&lot->obstack);
    lot->first = obstack_alloc(&lot->obstack, 0);
}

static inline void *lot_alloc(lot_t *lot, size_t size)
{
    return obstack_alloc(&lot->obstack, size);
}

static inline void lot_drop(lot_t *lot, void *object)
{
    (void)lot, (void)object;
}

static inline void lot_clear(lot_t *lot)
{
    obstack_free(&lot->obstack, lot->first);
    lot->first = obstack_alloc(&lot->obstack, 0);
}

static inline void lot_end(lot_t *lot)
{
    obstack_free(&lot->obstack, NULL);
}

static inline void lot_text_begin(lot_t *lot, lot_text_t *text)
{
    (void)lot, (void)text;
}

static inline void lot_text_add(lot_t *lot, lot_text_t *text, const char *piece, size_t size)
{
    (void)text;
    obstack_grow(&lot->obstack, piece, size);
}

static inline char *lot_text_end(lot_t *lot, lot_text_t *text)
{
    (void)text;
    obstack_1grow(&lot->obstack, '\0');
    return obstack_finish(&lot->obstack);
}
