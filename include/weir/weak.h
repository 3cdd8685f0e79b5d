/* weir/weak.h: references that do not keep their target alive, and maps that do not keep their keys.
 *
 *     weir_weak *name = weir_weak_new(object);
 *     ...
 *     struct thing *thing = weir_weak_get(name);
 *     if (thing) ...                              it is there, and stays for as long as `thing` is held
 *
 * Holds for every function here:
 *   object       a key is the start of a collected object (weir/gc.h), a target any place in one; else
 *                EINVAL.
 *   ownership    references and maps are themselves collected objects: the program does not free them, and
 *                holds one where the collector looks. They are opaque: not to be written to or resized.
 *   when         a collection that does not reach the object clears references to it and drops its entries;
 *                before that it may be had again. With a finalizer (weir/finalize.h): before that runs, and
 *                the same goes for all objects that only objects with finalizers reach. By weir_gc_free at
 *                once. weir_gc_realloc takes them along.
 *   false ones   the collector takes any word on a stack for a pointer: a target may live longer than it
 *                should.
 *   threads      any thread may call these at any time, except from a signal handler.
 *   failure      NULL or -1 with ENOMEM.
 */
#ifndef WEIR_WEAK_H
#define WEIR_WEAK_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* A weak reference. As Go's weak.Pointer, two to the same place are the same, and two to different places in
 * an object are
 * not: compare them by ==, also when the object is gone. One to NULL is always the same, and gives NULL. */
typedef struct weir_weak weir_weak;
WEIR_API weir_weak *weir_weak_new(const void *object) WEIR_NOEXCEPT;

/* The object, or NULL when it is gone. One load. */
WEIR_API void *weir_weak_get(const weir_weak *weak) WEIR_NOEXCEPT;

/* A map from objects, by identity, to values. It keeps a value alive while it is itself alive and so is the
 * key, even if the value, or what it points to, points to the key: the pair is an ephemeron (Hayes, 1997). As
 * JavaScript's WeakMap. For what belongs to an object but has no room in it. All maps share one lock. */
typedef struct weir_weak_map weir_weak_map;
WEIR_API weir_weak_map *weir_weak_map_new(void) WEIR_NOEXCEPT;

/* Give the key this value, in place of the one it had. A value is any word. Returns 0, or -1 with errno. */
WEIR_API int weir_weak_map_set(weir_weak_map *map, const void *key, const void *value) WEIR_NOEXCEPT;
/* The value, or NULL if there is none. */
WEIR_API void *weir_weak_map_get(const weir_weak_map *map, const void *key) WEIR_NOEXCEPT;
/* False: there was none. */
WEIR_API bool weir_weak_map_remove(weir_weak_map *map, const void *key) WEIR_NOEXCEPT;
/* Entries; those whose keys are gone count until a collection. */
WEIR_API size_t weir_weak_map_count(const weir_weak_map *map) WEIR_NOEXCEPT;

WEIR_API_END

#endif
