/* weak: the public functions for weak references and maps. */
#include <weir/weak.h>

#include <errno.h>
#include <stdint.h>

#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/refs/ephemeron.h"
#include "runtime/gc/refs/weak.h"
#include "runtime/threads/attach.h"

static bool is_weak_target(const void *p)
{
    return p && mark_base(p) == p;
}

weir_weak *weir_weak_new(const void *object)
{
    static uintptr_t to_nothing;
    if (!object)
        return (weir_weak *)&to_nothing;
    const char *base = mark_base(object);
    if (!base) {
        errno = EINVAL;
        return NULL;
    }
    uintptr_t *reference = reference_to(base, (size_t)((const char *)object - base), gc_alloc_slow);
    if (!reference)
        errno = ENOMEM;
    return (weir_weak *)reference;
}

/* The thread needs a heap before it holds the object: only then are its registers and its stack scanned. */
void *weir_weak_get(const weir_weak *weak)
{
    thread_heap();
    return reference_get((const uintptr_t *)weak);
}

weir_weak_map *weir_weak_map_new(void)
{
    weir_weak_map *map = gc_alloc(KIND_NOSCAN, 1);
    if (map && !map_make(map))
        map = NULL;
    if (!map)
        errno = ENOMEM;
    return map;
}

int weir_weak_map_set(weir_weak_map *map, const void *key, const void *value)
{
    static const int errors[] = {[MAP_DONE] = 0, [MAP_NO_MEMORY] = ENOMEM, [MAP_NO_MAP] = EINVAL};
    int error = is_weak_target(key) ? errors[map_set(map, key, value)] : EINVAL;
    if (!error)
        return 0;
    errno = error;
    return -1;
}

void *weir_weak_map_get(const weir_weak_map *map, const void *key)
{
    return (void *)map_get(map, key);
}

bool weir_weak_map_remove(weir_weak_map *map, const void *key)
{
    return map_remove(map, key);
}

size_t weir_weak_map_count(const weir_weak_map *map)
{
    return map_count(map);
}
