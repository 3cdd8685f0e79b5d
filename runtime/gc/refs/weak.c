/* weak: see weak.h. */
#include "runtime/gc/refs/weak.h"

#include <stddef.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/mark/mark.h"

static uintptr_t *find_weak(const void *object, size_t offset)
{
    uint32_t number = side_table_next_of((uintptr_t)object, 0);
    for (; number; number = side_table_next_of((uintptr_t)object, number)) {
        const side_record_t *record = side_table_at(number);
        if (record->kind == SIDE_REFERENCE && record->value == offset)
            return record->reference;
    }
    return NULL;
}

static uintptr_t *attach(const void *object, size_t offset, uintptr_t *reference)
{
    uint32_t number = side_table_add((uintptr_t)object, SIDE_REFERENCE);
    if (!number)
        return NULL;
    side_table_at(number)->reference = reference;
    side_table_at(number)->value = offset;
    collected_set_flag(span_of_slot(region_slot(reference)), COLLECTED_HAS_RECORD);
    reference_set(number, (uintptr_t)object);
    return reference;
}

/* The lock is released while memory is allocated, so another thread may attach a reference first. */
uintptr_t *reference_to(const void *object, size_t offset, reference_alloc *alloc)
{
    if (!side_table_lock())
        return NULL;
    uintptr_t *reference = find_weak(object, offset);
    side_table_unlock();
    if (reference)
        return reference;
    uintptr_t *fresh = alloc(KIND_NOSCAN, sizeof *fresh);
    if (!fresh)
        return NULL;
    if (!side_table_lock())
        return NULL;
    reference = find_weak(object, offset);
    if (!reference)
        reference = attach(object, offset, fresh);
    side_table_unlock();
    return reference;
}

void reference_set(uint32_t number, uintptr_t object)
{
    const side_record_t *record = side_table_at(number);
    __atomic_store_n(record->reference, object ? object + record->value : 0, __ATOMIC_RELEASE);
}

void reference_freed(const void *p)
{
    const span_t *span = span_of_slot(region_slot(p));
    uintptr_t object =
        span->kind == KIND_NOSCAN ? (uintptr_t)mark_base((const void *)*(const uintptr_t *)p) : 0;
    uint32_t number = object ? side_table_next_of(object, 0) : 0;
    for (; number; number = side_table_next_of(object, number)) {
        const side_record_t *record = side_table_at(number);
        if (record->kind != SIDE_REFERENCE || record->reference != p)
            continue;
        side_table_drop(number);
        return;
    }
}
