/* shared: arenas that many threads allocate from.
 *
 * A shared arena is a confined arena under a lock, with a sheet in front: a large object of that arena, from
 * which threads take room by one atomic addition. A thread that finds no room in the sheet makes a new one,
 * under the lock. Large objects come from the arena itself. So do all objects while a tool watches, which has
 * to be told of each.
 *
 *     current -->  | used | size | object | object | ...   used may grow beyond size: then there is no room
 *
 * An object belongs to the thread whose addition took its room; no part of a sheet is ever given back alone.
 * A sheet is published by a store with release and found by a load with acquire: so a thread that finds it
 * sees its head, and its contents as the arena left them.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "arena/arena.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"

enum { SHEET_FIRST = 2 * 1024, SHEET_MOST = 64 * 1024, SHARE = 8 /* objects > 1/8 of a sheet bypass it */ };

typedef struct sheet {
    _Alignas(16) _Atomic size_t used; /* any thread adds */
    size_t size;                      /* bytes; written before it is published */
    char bytes[];
} sheet_t;

struct weir_shared_arena {
    weir_arena *arena; /* any thread reads the pointer; the arena is under the lock. This struct lies in it */
    _Atomic(sheet_t *) current; /* written under the lock */
    size_t next_size;           /* of the next sheet; under the lock */
    weir_arena_place empty;     /* the place just after this struct; constant */
    lock_t lock;
};

static void *from_sheet(sheet_t *sheet, size_t rounded)
{
    if (!sheet || rounded > sheet->size / SHARE)
        return NULL;
    size_t at = atomic_fetch_add_explicit(&sheet->used, rounded, memory_order_relaxed);
    return rounded <= sheet->size && at <= sheet->size - rounded ? sheet->bytes + at : NULL;
}

/* The lock is held. */
static sheet_t *lay_sheet(weir_shared_arena *shared)
{
    sheet_t *sheet = weir_arena_alloc(shared->arena, shared->next_size);
    if (!sheet)
        return NULL;
    sheet->size = shared->next_size - sizeof *sheet;
    atomic_init(&sheet->used, 0);
    if (shared->next_size < SHEET_MOST)
        shared->next_size *= 2;
    atomic_store_explicit(&shared->current, sheet, memory_order_release);
    return sheet;
}

/* Is a sheet of any use for so large an object? SIZE_MAX: never. The lock is held. */
static bool wants_sheet(const weir_shared_arena *shared, size_t rounded)
{
    return rounded <= (shared->next_size - sizeof(sheet_t)) / SHARE && !arena_of(shared->arena)->watch;
}

COLD static void *alloc_locked(weir_shared_arena *shared, size_t alignment, size_t size, size_t rounded)
{
    void *object = NULL;
    lock_acquire(&shared->lock);
    if (alignment <= 16 && wants_sheet(shared, rounded)) {
        object = from_sheet(atomic_load_explicit(&shared->current, memory_order_relaxed), rounded);
        if (!object)
            object = from_sheet(lay_sheet(shared), rounded);
    }
    if (!object)
        object = arena_take(arena_of(shared->arena), alignment, size);
    lock_release(&shared->lock);
    return object;
}

void *weir_shared_arena_alloc(weir_shared_arena *shared, size_t size)
{
    if (UNLIKELY(size > SHEET_MOST)) /* rounding could overflow, and no sheet has room */
        return alloc_locked(shared, 16, size, SIZE_MAX);
    size_t rounded = (size + (size == 0) + 15) & ~(size_t)15;
    void *object = from_sheet(atomic_load_explicit(&shared->current, memory_order_acquire), rounded);
    return LIKELY(object != NULL) ? object : alloc_locked(shared, 16, size, rounded);
}

void *weir_shared_arena_alloc_aligned(weir_shared_arena *shared, size_t alignment, size_t size)
{
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return alignment <= 16 ? weir_shared_arena_alloc(shared, size)
                           : alloc_locked(shared, alignment, size, SIZE_MAX);
}

void *weir_shared_arena_alloc_zeroed(weir_shared_arena *shared, size_t size)
{
    void *object = weir_shared_arena_alloc(shared, size);
    return object ? memset(object, 0, size) : NULL;
}

void *weir_shared_arena_memdup(weir_shared_arena *shared, const void *bytes, size_t size)
{
    void *copy = weir_shared_arena_alloc(shared, size);
    return copy && size ? memcpy(copy, bytes, size) : copy;
}

char *weir_shared_arena_strdup(weir_shared_arena *shared, const char *string)
{
    return weir_shared_arena_memdup(shared, string, strlen(string) + 1);
}

bool weir_shared_arena_cleanup(weir_shared_arena *shared, void (*run)(void *context), void *context)
{
    lock_acquire(&shared->lock);
    bool noted = weir_arena_cleanup(shared->arena, run, context);
    lock_release(&shared->lock);
    return noted;
}

void weir_shared_arena_adopt(weir_shared_arena *into, weir_arena *from)
{
    lock_acquire(&into->lock);
    weir_arena_adopt(into->arena, from);
    lock_release(&into->lock);
}

size_t weir_shared_arena_held(weir_shared_arena *shared)
{
    lock_acquire(&shared->lock);
    size_t held = weir_arena_held(shared->arena);
    lock_release(&shared->lock);
    return held;
}

/* --- the life --- */

weir_shared_arena *weir_shared_arena_new(const weir_arena_options *options)
{
    weir_arena *arena = weir_arena_new(options);
    weir_shared_arena *shared = arena ? weir_arena_alloc_zeroed(arena, sizeof *shared) : NULL;
    if (!shared) {
        weir_arena_free(arena);
        return NULL;
    }
    *shared = (weir_shared_arena){
        .arena = arena, .next_size = SHEET_FIRST, .lock = LOCK_INIT(LOCK_RANK_SHARED_ARENA)};
    shared->empty = weir_arena_mark(arena);
    return shared;
}

void weir_shared_arena_free(weir_shared_arena *shared)
{
    if (shared)
        weir_arena_free(shared->arena);
}

void weir_shared_arena_reset(weir_shared_arena *shared)
{
    atomic_store_explicit(&shared->current, NULL, memory_order_relaxed);
    weir_arena_rewind(shared->arena, shared->empty);
}

void weir_shared_arena_release(weir_shared_arena *shared)
{
    weir_shared_arena_reset(shared);
    arena_give_spares(arena_of(shared->arena));
    shared->next_size = SHEET_FIRST;
}
