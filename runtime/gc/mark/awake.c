/* awake: see awake.h. */
#include "runtime/gc/mark/awake.h"

#include <stdatomic.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/os/spin.h"

static struct {
    spin_t lock; /* between markers: protects `first`, a list of records linked by wake_next */
    _Atomic uint32_t first;
} awake;

static bool is_key_marked(uintptr_t object)
{
    return collected_is_marked((const void *)object);
}

bool awake_is_resolved(const side_record_t *entry)
{
    return !entry->lost && is_key_marked(entry->object) && is_key_marked(entry->map);
}

void awake_add(uintptr_t object)
{
    uint32_t number = side_table_next_of(object, 0);
    for (; number; number = side_table_next_of(object, number)) {
        side_record_t *record = side_table_at(number);
        if (record->kind != SIDE_ENTRY && record->kind != SIDE_MAP)
            continue;
        spin_acquire(&awake.lock);
        record->wake_next = awake.first;
        atomic_store_explicit(&awake.first, number, memory_order_relaxed);
        spin_release(&awake.lock);
    }
}

bool awake_any(void)
{
    return atomic_load_explicit(&awake.first, memory_order_relaxed) != 0;
}

static uint32_t take_awake(void)
{
    spin_acquire(&awake.lock);
    uint32_t number = awake.first;
    if (number)
        atomic_store_explicit(&awake.first, side_table_at(number)->wake_next, memory_order_relaxed);
    spin_release(&awake.lock);
    return number;
}

/* Different markers may mark the key and the map of an entry. Each wakes the records after it has marked, so
 * the later of the two finds both marked. */
bool awake_resolve(void (*visit)(void *context, const void *p), void *context)
{
    uint32_t number = awake_any() ? take_awake() : 0;
    if (!number)
        return false;
    const side_record_t *record = side_table_at(number);
    if (record->kind == SIDE_ENTRY) {
        if (awake_is_resolved(record))
            visit(context, (const void *)record->value);
        return true;
    }
    for (uint32_t entry = record->first; entry; entry = side_table_at(entry)->map_next)
        if (awake_is_resolved(side_table_at(entry)))
            visit(context, (const void *)side_table_at(entry)->value);
    return true;
}
