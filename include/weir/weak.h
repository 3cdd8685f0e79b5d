/* weir/weak.h: references that do not keep their target alive, and maps that do not keep their keys.
 *
 *     weir_weak *name = weir_weak_new(object);
 *     ...
 *     struct thing *thing = weir_weak_get(name);
 *     if (thing) ...                              it is there, and stays for as long as `thing` is held
 *
 * These rules hold for every function here:
 *   object       a key is the start of a collected object (weir/gc.h). The target of a reference is any place
 *                in one. Otherwise EINVAL.
 *   ownership    references and maps are themselves collected objects: the program need not free them, and
 *                has to keep its pointer to one where the collector sees it. They are opaque: do not write to
 *                them or resize them.
 *   when         a collection that does not reach the object clears the references to it, and drops its
 *                entries from maps; until then a reference may give the object. If the object has a finalizer
 *                (weir/finalize.h), this happens before the finalizer runs; so it does for all objects that
 *                only objects with finalizers reach. weir_gc_free does it at once. After weir_gc_realloc,
 *                references and entries lead to the object's new address.
 *   false ones   the collector takes any word on a stack for a pointer, so a target may live longer than it
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

/* A weak reference. As with Go's weak.Pointer, two references to the same place are equal, and two references
 * to different places in an object are not: compare them by ==, also when the object is gone. All references
 * to NULL are equal, and give NULL. */
typedef struct weir_weak weir_weak;
WEIR_API weir_weak *weir_weak_new(const void *object) WEIR_NOEXCEPT;

/* The place in the object, or NULL if the object is gone. This is one load. */
WEIR_API void *weir_weak_get(const weir_weak *weak) WEIR_NOEXCEPT;

/* A map from objects, by identity, to values. It keeps a value alive while both the map and the key are
 * alive, even if the value, or what it points to, points to the key: an entry is an ephemeron (Hayes, 1997).
 * As JavaScript's WeakMap. It is for data that belongs to an object but has no room in it. All maps share one
 * lock. */
typedef struct weir_weak_map weir_weak_map;
WEIR_API weir_weak_map *weir_weak_map_new(void) WEIR_NOEXCEPT;

/* Set the key's value; it replaces the one that the key had. A value is any word. Returns 0, or -1 with
 * errno. */
WEIR_API int weir_weak_map_set(weir_weak_map *map, const void *key, const void *value) WEIR_NOEXCEPT;
/* The value, or NULL if there is none. */
WEIR_API void *weir_weak_map_get(const weir_weak_map *map, const void *key) WEIR_NOEXCEPT;
/* Remove the key's entry. False: there was none. */
WEIR_API bool weir_weak_map_remove(weir_weak_map *map, const void *key) WEIR_NOEXCEPT;
/* The number of entries. Entries whose keys are gone count until a collection drops them. */
WEIR_API size_t weir_weak_map_count(const weir_weak_map *map) WEIR_NOEXCEPT;

WEIR_API_END

#endif
