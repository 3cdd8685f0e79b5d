/* weir/builder.h: strings and arrays that grow in an arena.
 *
 * A weir_builder is like Go's strings.Builder: give it a capacity if the length is known, append, and take
 * the string, which is not copied. A weir_array is like a Go slice from make([]T, 0, cap) and append.
 *
 *     weir_builder text = weir_builder_on(arena, 0);
 *     weir_builder_add_str(&text, "total: ");
 *     weir_builder_printf(&text, "%d", total);
 *     char *line = weir_builder_string(&text);
 *
 * Both double their capacity when they are full. If nothing else was allocated from the arena meanwhile, they
 * grow in place and nothing is copied. Otherwise the contents move, and the old room is wasted until the
 * arena is reset.
 *
 * Only the thread that uses the arena may use them. They hold nothing that has to be freed: they end with the
 * arena, or when the program does not use them any more. Sizes are bytes; counts and capacities of arrays are
 * items. If the arena has no memory, functions return false or NULL with errno = ENOMEM, and what was built
 * so far is unchanged. The program may read the fields, but only these functions may write them.
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
    bool failed;     /* some addition was refused: the string lacks it */
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

/* An empty builder with room for `capacity` bytes. With 0 it has no room yet. If the arena has no memory, the
 * builder has no room, and `failed` is set. */
WEIR_API weir_builder weir_builder_on(weir_arena *arena, size_t capacity) WEIR_NOEXCEPT;

/* Make room for `more` bytes beyond the length. If that fails, `failed` is set. */
WEIR_API bool weir_builder_reserve(weir_builder *builder, size_t more) WEIR_NOEXCEPT;

/* Append bytes; the characters of a string; what printf would print (also false if vsnprintf fails); one
 * character. */
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

/* The string that was built, with a '\0' behind it that does not count for the length. Unused room goes back
 * to the arena. The builder may be used further, but its string may then move. The result is NULL if any
 * addition has failed, so a caller that checks this result needs to check nothing else. */
WEIR_API char *weir_builder_string(weir_builder *builder) WEIR_NOEXCEPT;

/* --- Arrays --- */

/* An empty array of items of item_size bytes, with room for `capacity` items, or for none if the arena has no
 * memory. An item has at least one byte: with an item_size of 0 the array has no room, and to ask for room
 * fails with EINVAL. */
WEIR_API weir_array weir_array_on(weir_arena *arena, size_t item_size, size_t capacity) WEIR_NOEXCEPT;

/* Make room for `more` items beyond the count. */
WEIR_API bool weir_array_reserve(weir_array *array, size_t more) WEIR_NOEXCEPT;

/* Append one item with undefined contents. Returns its address, which is valid until the next item is
 * appended. */
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
