/* builder: strings and arrays that grow in an arena: both are one run of bytes that doubles. */
#include <weir/builder.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

enum { LEAST = 32 /* bytes: smaller ones would be doubled all the time */ };

/* Grow a run of *capacity bytes, of which `used` are in use, until there is room for `more`. Updates
 * *capacity. */
static void *grow(weir_arena *arena, void *run, size_t *capacity, size_t used, size_t more)
{
    size_t wanted = *capacity > PTRDIFF_MAX / 2 ? PTRDIFF_MAX : *capacity * 2;
    if (more > PTRDIFF_MAX - used) {
        errno = ENOMEM;
        return NULL;
    }
    wanted = wanted < used + more ? used + more : wanted;
    wanted = wanted < LEAST ? LEAST : wanted;
    void *larger = weir_arena_resize(arena, run, *capacity, wanted);
    if (!larger && wanted > used + more) {
        wanted = used + more; /* a limit may leave that much */
        larger = weir_arena_resize(arena, run, *capacity, wanted);
    }
    if (larger)
        *capacity = wanted;
    return larger;
}

/* --- strings --- */

weir_builder weir_builder_on(weir_arena *arena, size_t capacity)
{
    weir_builder builder = {.arena = arena};
    if (capacity > 0 && (builder.bytes = weir_arena_alloc(arena, capacity)) != NULL)
        builder.capacity = capacity;
    builder.failed = builder.capacity < capacity;
    return builder;
}

bool weir_builder_reserve(weir_builder *builder, size_t more)
{
    if (builder->capacity - builder->length >= more)
        return true;
    char *larger = grow(builder->arena, builder->bytes, &builder->capacity, builder->length, more);
    if (larger)
        builder->bytes = larger;
    builder->failed |= !larger;
    return larger != NULL;
}

/* vsnprintf wants room for its '\0' too. */
bool weir_builder_vprintf(weir_builder *builder, const char *format, va_list arguments)
{
    va_list again;
    size_t room = builder->capacity - builder->length;
    va_copy(again, arguments);
    int length = vsnprintf(room ? builder->bytes + builder->length : NULL, room, format, again);
    va_end(again);
    if (length < 0 || ((size_t)length >= room && !weir_builder_reserve(builder, (size_t)length + 1))) {
        builder->failed = true;
        return false;
    }
    if ((size_t)length >= room)
        vsnprintf(builder->bytes + builder->length, (size_t)length + 1, format, arguments);
    builder->length += (size_t)length;
    return true;
}

bool weir_builder_printf(weir_builder *builder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bool added = weir_builder_vprintf(builder, format, arguments);
    va_end(arguments);
    return added;
}

char *weir_builder_string(weir_builder *builder)
{
    if (!weir_builder_reserve(builder, 1) || builder->failed)
        return NULL;
    builder->bytes[builder->length] = '\0';
    weir_arena_resize(builder->arena, builder->bytes, builder->capacity, builder->length + 1);
    builder->capacity = builder->length + 1;
    return builder->bytes;
}

/* --- arrays --- */

weir_array weir_array_on(weir_arena *arena, size_t item_size, size_t capacity)
{
    weir_array array = {.arena = arena, .item_size = item_size};
    if (item_size == 0) {
        errno = EINVAL;
        return array;
    }
    if (capacity > 0 && (array.items = weir_arena_alloc_array(arena, capacity, item_size)) != NULL)
        array.capacity = capacity;
    return array;
}

bool weir_array_reserve(weir_array *array, size_t more)
{
    if (array->capacity - array->count >= more)
        return true;
    if (array->item_size == 0) {
        errno = EINVAL;
        return false;
    }
    size_t bytes = array->capacity * array->item_size, needed;
    if (__builtin_mul_overflow(more, array->item_size, &needed)) {
        errno = ENOMEM;
        return false;
    }
    void *larger = grow(array->arena, array->items, &bytes, array->count * array->item_size, needed);
    if (!larger)
        return false;
    array->items = larger;
    array->capacity = bytes / array->item_size;
    return true;
}

bool weir_array_add(weir_array *array, const void *items, size_t count)
{
    if (!weir_array_reserve(array, count))
        return false;
    if (count > 0)
        memcpy(weir_array_at(array, array->count), items, count * array->item_size);
    array->count += count;
    return true;
}
