/* A lot is a weir arena. */
#include <weir.h>

enum { LOT_FREES_EACH = 0 };
typedef struct lot {
    weir_arena *arena;
} lot_t;
typedef weir_builder lot_text_t;

static inline void lot_start(void)
{
}

static inline void lot_begin(lot_t *lot)
{
    lot->arena = weir_arena_new(NULL);
}

static inline void *lot_alloc(lot_t *lot, size_t size)
{
    return weir_arena_alloc(lot->arena, size);
}

static inline void lot_drop(lot_t *lot, void *object)
{
    (void)lot, (void)object;
}

static inline void lot_clear(lot_t *lot)
{
    weir_arena_reset(lot->arena);
}

static inline void lot_end(lot_t *lot)
{
    weir_arena_free(lot->arena);
}

static inline void lot_text_begin(lot_t *lot, lot_text_t *text)
{
    *text = weir_builder_on(lot->arena, 0);
}

static inline void lot_text_add(lot_t *lot, lot_text_t *text, const char *piece, size_t size)
{
    (void)lot;
    weir_builder_add(text, piece, size);
}

static inline char *lot_text_end(lot_t *lot, lot_text_t *text)
{
    (void)lot;
    return weir_builder_string(text);
}
