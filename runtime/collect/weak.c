/* weak: see weak.h. */
#include "runtime/collect/weak.h"

#include <stddef.h>

#include "runtime/collect/attached.h"
#include "runtime/collect/gc.h"
#include "runtime/heap/collected.h"

static uintptr_t *find(const void *object)
{
    uint32_t number = attached_find((uintptr_t)object, ATTACHED_REFERENCE);
    return number ? attached_at(number)->reference : NULL;
}

static uintptr_t *attach(const void *object, uintptr_t *reference)
{
    uint32_t number = attached_add((uintptr_t)object, ATTACHED_REFERENCE);
    if (!number)
        return NULL;
    attached_at(number)->reference = reference;
    collected_set_flag(span_of_slot(region_slot(reference)), COLLECTED_ATTACHED);
    reference_set(number, (uintptr_t)object);
    return reference;
}

/* The lock is not held while memory is asked for, so another thread may be faster. */
uintptr_t *reference_to(const void *object)
{
    if (!attached_lock())
        return NULL;
    uintptr_t *reference = find(object);
    attached_unlock();
    if (reference)
        return reference;
    uintptr_t *fresh = gc_alloc(KIND_NOSCAN, sizeof *fresh);
    if (!fresh)
        return NULL;
    if (!attached_lock())
        return NULL;
    reference = find(object);
    if (!reference)
        reference = attach(object, fresh);
    attached_unlock();
    return reference;
}

void reference_set(uint32_t number, uintptr_t target)
{
    __atomic_store_n(attached_at(number)->reference, target, __ATOMIC_RELEASE);
}

void reference_freed(const void *p)
{
    const span_t *span = span_of_slot(region_slot(p));
    if (span->kind != KIND_NOSCAN)
        return;
    uint32_t number = attached_find(*(const uintptr_t *)p, ATTACHED_REFERENCE);
    if (number && attached_at(number)->reference == p)
        attached_drop(number);
}
