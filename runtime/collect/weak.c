/* weak: see weak.h. */
#include "runtime/collect/weak.h"

#include <stddef.h>

#include "runtime/collect/attached.h"
#include "runtime/collect/gc.h"
#include "runtime/collect/mark.h"
#include "runtime/heap/collected.h"

static uintptr_t *find(const void *object, size_t offset)
{
    uint32_t number = attached_next_of((uintptr_t)object, 0);
    for (; number; number = attached_next_of((uintptr_t)object, number)) {
        const attached_t *record = attached_at(number);
        if (record->kind == ATTACHED_REFERENCE && record->value == offset)
            return record->reference;
    }
    return NULL;
}

static uintptr_t *attach(const void *object, size_t offset, uintptr_t *reference)
{
    uint32_t number = attached_add((uintptr_t)object, ATTACHED_REFERENCE);
    if (!number)
        return NULL;
    attached_at(number)->reference = reference;
    attached_at(number)->value = offset;
    collected_set_flag(span_of_slot(region_slot(reference)), COLLECTED_ATTACHED);
    reference_set(number, (uintptr_t)object);
    return reference;
}

/* The lock is not held while memory is asked for, so another thread may be faster. */
uintptr_t *reference_to(const void *object, size_t offset)
{
    if (!attached_lock())
        return NULL;
    uintptr_t *reference = find(object, offset);
    attached_unlock();
    if (reference)
        return reference;
    uintptr_t *fresh = gc_alloc(KIND_NOSCAN, sizeof *fresh);
    if (!fresh)
        return NULL;
    if (!attached_lock())
        return NULL;
    reference = find(object, offset);
    if (!reference)
        reference = attach(object, offset, fresh);
    attached_unlock();
    return reference;
}

void reference_set(uint32_t number, uintptr_t object)
{
    const attached_t *record = attached_at(number);
    __atomic_store_n(record->reference, object ? object + record->value : 0, __ATOMIC_RELEASE);
}

void reference_freed(const void *p)
{
    const span_t *span = span_of_slot(region_slot(p));
    uintptr_t object =
        span->kind == KIND_NOSCAN ? (uintptr_t)mark_base((const void *)*(const uintptr_t *)p) : 0;
    uint32_t number = object ? attached_next_of(object, 0) : 0;
    for (; number; number = attached_next_of(object, number)) {
        const attached_t *record = attached_at(number);
        if (record->kind != ATTACHED_REFERENCE || record->reference != p)
            continue;
        attached_drop(number);
        return;
    }
}
