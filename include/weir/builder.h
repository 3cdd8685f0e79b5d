/* weir/builder.h: strings and arrays that grow in an arena.
 *
 * A weir_builder is Go's strings.Builder: pre-size it if the length is known, append, and take the string,
 * which is where it was built. A weir_array is Go's slice made by make([]T, 0, cap) and append.
 *
 *     weir_builder text = weir_builder_on(arena, 0);
 *     weir_builder_add_str(&text, "total: ");
 *     weir_builder_printf(&text, "%d", total);
 *     char *line = weir_builder_string(&text);
 *
 * Both double when they are full. While nothing else is allocated from the arena meanwhile, they grow in
 * place and nothing is copied; else the contents move, and the old room is lost until the arena is reset.
 *
 * They belong to the thread that the arena is confined to, hold nothing that would have to be freed, and end
 * with the arena or by being forgotten. Sizes are bytes, counts and capacities of arrays are items. Functions
 * return false or NULL with errno = ENOMEM when the arena refuses; what was built so far is then untouched.
 * The fields may be read, and written by these functions only.
 */
#ifndef WEIR_BUILDER_H
#define WEIR_BUILDER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <weir/api.h>
#include <weir/arena.h>

typedef struct weir_builder {
    weir_arena *arena;
    char *bytes;     /* NULL while the capacity is 0; no '\0' at the end before weir_builder_string */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes there is room for */
    bool failed;     /* some addition since the beginning was refused: the string lacks it */
} weir_builder;

typedef struct weir_array {
    weir_arena *arena;
    void *items;      /* NULL while the capacity is 0 */
    size_t count;     /* items in use */
    size_t capacity;  /* items there is room for */
    size_t item_size; /* bytes of one, a multiple of its alignment, which is at most 16 */
} weir_array;

WEIR_API_BEGIN

/* --- Strings and bytes --- */

/* An empty builder with room for `capacity` bytes (0: none yet; if the arena refuses, none, and failed is
 * set). */
WEIR_API weir_builder weir_builder_on(weir_arena *arena, size_t capacity) WEIR_NOEXCEPT;

/* Room for so many more bytes. */
WEIR_API bool weir_builder_reserve(weir_builder *builder, size_t more) WEIR_NOEXCEPT;

/* Append bytes; the characters of a string; one; what printf would print (false also where vsnprintf
 * fails). */
static inline bool weir_builder_add(weir_builder *builder, const void *bytes, size_t size) WEIR_NOEXCEPT
{
    if (builder->capacity - builder->length < size && !weir_builder_reserve(builder, size))
        return false;
    if (size > 0)
        memcpy(builder->bytes + builder->length, bytes, size);
    builder->length += size;
    return true;
}

static inline bool weir_builder_add_str(weir_builder *builder, const char *string) WEIR_NOEXCEPT
{
    return weir_builder_add(builder, string, strlen(string));
}

WEIR_API bool weir_builder_printf(weir_builder *builder, const char *format, ...) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((format(printf, 2, 3)));
WEIR_API bool weir_builder_vprintf(weir_builder *builder, const char *format, va_list arguments) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((format(printf, 2, 0)));

static inline bool weir_builder_add_char(weir_builder *builder, char c) WEIR_NOEXCEPT
{
    if (builder->length == builder->capacity && !weir_builder_reserve(builder, 1))
        return false;
    builder->bytes[builder->length++] = c;
    return true;
}

/* What was built, with a '\0' behind it that does not count; room that is left over goes back to the arena.
 * The builder may go on, and its string may then be elsewhere. NULL also if any addition had failed: so a
 * caller that checks this needs to check nothing else. */
WEIR_API char *weir_builder_string(weir_builder *builder) WEIR_NOEXCEPT;

/* --- Arrays --- */

/* An empty array of items of so many bytes, with room for `capacity` of them, or none if the arena refuses.
 * An item has at least one byte: with an item_size of 0 the array has no room, and is refused any, with
 * EINVAL. */
WEIR_API weir_array weir_array_on(weir_arena *arena, size_t item_size, size_t capacity) WEIR_NOEXCEPT;

/* Room for so many more items. */
WEIR_API bool weir_array_reserve(weir_array *array, size_t more) WEIR_NOEXCEPT;

/* One more item, contents undefined: where to write it. Valid until the next one. */
static inline void *weir_array_push(weir_array *array) WEIR_NOEXCEPT
{
    if (array->count == array->capacity && !weir_array_reserve(array, 1))
        return NULL;
    return (char *)array->items + array->count++ * array->item_size;
}

/* Append `count` items. */
WEIR_API bool weir_array_add(weir_array *array, const void *items, size_t count) WEIR_NOEXCEPT;

/* Item number `index`, which is less than the count. */
static inline void *weir_array_at(const weir_array *array, size_t index) WEIR_NOEXCEPT
{
    return (char *)array->items + index * array->item_size;
}

WEIR_API_END

#endif
