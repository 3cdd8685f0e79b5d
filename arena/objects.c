/* objects: the allocating functions besides weir_arena_alloc: aligned and zeroed objects, arrays, copies,
 * printed strings; and objects that change their size.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arena/arena.h"

/* Makes the symbol, for callers that cannot use the header. */
extern inline void *weir_arena_alloc(weir_arena *arena, size_t size);

void *weir_arena_alloc_slow(weir_arena *arena, size_t size)
{
    return arena_take(arena_of(arena), WEIR_ARENA_ALIGNMENT, size);
}

void *weir_arena_alloc_aligned(weir_arena *arena, size_t alignment, size_t size)
{
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return arena_take(arena_of(arena), alignment < 16 ? 16 : alignment, size);
}

void *weir_arena_alloc_zeroed(weir_arena *arena, size_t size)
{
    void *object = weir_arena_alloc(arena, size);
    return object ? memset(object, 0, size) : NULL;
}

void *weir_arena_alloc_array(weir_arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return weir_arena_alloc(arena, total);
}

/* --- changing size --- */

static size_t room_of(const arena_t *arena, size_t size)
{
    size_t rounded = (size + (size == 0) + 15) & ~(size_t)15;
    return arena->watch ? rounded + WATCH_GAP : rounded;
}

static bool is_last(const arena_t *arena, const char *object, size_t size)
{
    return object + room_of(arena, size) == arena->window.next;
}

static bool resize_in_place(arena_t *arena, char *object, size_t size, size_t new_size)
{
    size_t room = room_of(arena, new_size);
    bool last = is_last(arena, object, size);
    if (last ? room > (size_t)(arena->end - object) : new_size > size)
        return false;
    char *end = arena->window.next;
    if (last)
        arena_set_next(arena, object + room);
    if (arena->watch)
        watch_resize(arena->watch, object, size, new_size);
    if (arena->scanned && arena->window.next < end)
        arena_clear(arena, arena->window.next, end);
    return true;
}

void *weir_arena_resize(weir_arena *window, void *object, size_t size, size_t new_size)
{
    arena_t *arena = arena_of(window);
    if (new_size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    if (object && resize_in_place(arena, object, size, new_size))
        return object;
    void *larger = weir_arena_alloc(window, new_size);
    return larger && object ? memcpy(larger, object, size) : larger;
}

/* --- copies --- */

void *weir_arena_memdup(weir_arena *arena, const void *bytes, size_t size)
{
    void *copy = weir_arena_alloc(arena, size);
    return copy && size ? memcpy(copy, bytes, size) : copy;
}

char *weir_arena_strndup(weir_arena *arena, const char *string, size_t most)
{
    size_t length = strnlen(string, most);
    char *copy = weir_arena_alloc(arena, length + 1);
    if (!copy)
        return NULL;
    copy[length] = '\0';
    return memcpy(copy, string, length);
}

char *weir_arena_strdup(weir_arena *arena, const char *string)
{
    return weir_arena_memdup(arena, string, strlen(string) + 1);
}

/* --- printing --- */

/* The string is printed to where it will lie, as far as there is room: so most strings are printed only
 * once. */
char *weir_arena_vprintf(weir_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    char *there = arena->next;
    size_t room = (size_t)(arena->end - there);
    va_copy(again, arguments);
    int length = vsnprintf(room ? there : NULL, room, format, again);
    va_end(again);
    if (length < 0)
        return NULL;
    char *string = weir_arena_alloc(arena, (size_t)length + 1);
    if (string && (string != there || (size_t)length >= room))
        vsnprintf(string, (size_t)length + 1, format, arguments);
    if (string != there && room && arena_of(arena)->scanned)
        arena_clear(arena_of(arena), there, there + ((size_t)length < room ? (size_t)length : room));
    return string;
}

char *weir_arena_printf(weir_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *string = weir_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return string;
}
