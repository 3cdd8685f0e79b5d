/* There is no lot: each object comes from the malloc that is preloaded, and is freed by itself. */
#include <stdlib.h>

enum { LOT_FREES_EACH = 1 };
typedef struct lot {
    char unused;
} lot_t;
typedef struct lot_text {
    char *bytes;
    size_t length, capacity;
} lot_text_t;

static inline void lot_start(void)
{
}

static inline void lot_begin(lot_t *lot)
{
    (void)lot;
}

static inline void *lot_alloc(lot_t *lot, size_t size)
{
    (void)lot;
    return malloc(size);
}

static inline void lot_drop(lot_t *lot, void *object)
{
    (void)lot;
    free(object);
}

static inline void lot_clear(lot_t *lot)
{
    (void)lot;
}

static inline void lot_end(lot_t *lot)
{
    (void)lot;
}

static inline void lot_text_begin(lot_t *lot, lot_text_t *text)
{
    (void)lot;
    *text = (lot_text_t){.bytes = NULL};
}

static inline void lot_text_add(lot_t *lot, lot_text_t *text, const char *piece, size_t size)
{
    (void)lot;
    if (text->capacity - text->length < size + 1) {
        text->capacity = text->capacity ? text->capacity * 2 : 32;
        text->bytes = realloc(text->bytes, text->capacity);
    }
    memcpy(text->bytes + text->length, piece, size);
    text->length += size;
}

static inline char *lot_text_end(lot_t *lot, lot_text_t *text)
{
    (void)lot;
    text->bytes[text->length] = '\0';
    return text->bytes;
}
