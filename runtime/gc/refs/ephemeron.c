/* ephemeron: see ephemeron.h. */
#include "runtime/gc/refs/ephemeron.h"

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/mark/awake.h"
#include "runtime/gc/mark/mark.h"

static size_t entries; /* of all maps; under the lock of the side table */

/* --- maps; under the lock --- */

static uint32_t find_map(const void *map)
{
    return side_table_find((uintptr_t)map, SIDE_MAP);
}

static bool is_entry_of(uint32_t number, const void *map)
{
    return side_table_at(number)->kind == SIDE_ENTRY && side_table_at(number)->map == (uintptr_t)map;
}

/* An entry is on two lists: the key's records, and the map's entries. One key may be in many maps, and one
 * map may have many keys, so both lists are searched in step until the shorter one ends. */
static uint32_t find_entry(const void *map, const void *key)
{
    uint32_t owner = find_map(map), of_map = owner ? side_table_at(owner)->first : 0;
    uint32_t of_key = side_table_next_of((uintptr_t)key, 0);
    while (of_map && of_key) {
        if (is_entry_of(of_key, map))
            return of_key;
        if (side_table_at(of_map)->object == (uintptr_t)key)
            return of_map;
        of_key = side_table_next_of((uintptr_t)key, of_key);
        of_map = side_table_at(of_map)->map_next;
    }
    return 0;
}

static uint32_t add_entry(uint32_t map, const void *key)
{
    uint32_t entry = side_table_add((uintptr_t)key, SIDE_ENTRY);
    if (!entry)
        return 0;
    side_record_t *record = side_table_at(entry), *owner = side_table_at(map);
    record->map = owner->object;
    record->map_next = owner->first;
    if (owner->first)
        side_table_at(owner->first)->map_prev = entry;
    owner->first = entry;
    owner->entries++;
    entries++;
    return entry;
}

void map_drop_entry(uint32_t entry)
{
    const side_record_t *record = side_table_at(entry);
    side_record_t *owner = side_table_at(side_table_find(record->map, SIDE_MAP));
    if (record->map_prev)
        side_table_at(record->map_prev)->map_next = record->map_next;
    else
        owner->first = record->map_next;
    if (record->map_next)
        side_table_at(record->map_next)->map_prev = record->map_prev;
    owner->entries--;
    entries--;
    side_table_drop(entry);
}

void map_drop(uint32_t map)
{
    while (side_table_at(map)->first)
        map_drop_entry(side_table_at(map)->first);
    side_table_drop(map);
}

/* --- for the program's threads --- */

bool map_make(const void *object)
{
    if (!side_table_lock())
        return false;
    uint32_t number = side_table_add((uintptr_t)object, SIDE_MAP);
    side_table_unlock();
    return number != 0;
}

enum map_result map_set(const void *map, const void *key, const void *value)
{
    if (!side_table_lock())
        return MAP_NO_MEMORY;
    uint32_t owner = find_map(map), entry = owner ? find_entry(map, key) : 0;
    if (owner && !entry)
        entry = add_entry(owner, key);
    if (entry)
        side_table_at(entry)->value = (uintptr_t)value;
    side_table_unlock();
    return entry ? MAP_DONE : owner ? MAP_NO_MEMORY : MAP_NO_MAP;
}

uintptr_t map_get(const void *map, const void *key)
{
    if (!side_table_lock())
        return 0;
    uint32_t entry = find_entry(map, key);
    uintptr_t value = entry ? side_table_at(entry)->value : 0;
    side_table_unlock();
    return value;
}

bool map_remove(const void *map, const void *key)
{
    if (!side_table_lock())
        return false;
    uint32_t entry = find_entry(map, key);
    if (entry)
        map_drop_entry(entry);
    side_table_unlock();
    return entry != 0;
}

size_t map_count(const void *map)
{
    if (!side_table_lock())
        return 0;
    uint32_t number = find_map(map);
    size_t count = number ? side_table_at(number)->entries : 0;
    side_table_unlock();
    return count;
}

/* --- marking --- */

static span_t *key_span(uintptr_t object)
{
    return span_of_slot(region_slot((const void *)object));
}

/* All unresolved entries are watched before any value is marked: so an object that a value reaches wakes the
 * entries that wait for it. */
static void begin_resolving(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++) {
        side_record_t *entry = side_table_at(number);
        if (entry->kind != SIDE_ENTRY)
            continue;
        entry->dead = !awake_is_resolved(entry);
        if (entry->dead) {
            collected_set_flag(key_span(entry->object), COLLECTED_WATCHED);
            collected_set_flag(key_span(entry->map), COLLECTED_WATCHED);
        }
    }
    mark_watch(true);
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (side_table_at(number)->kind == SIDE_ENTRY && !side_table_at(number)->dead)
            mark_word((const void *)side_table_at(number)->value);
}

static void end_resolving(bool again)
{
    for (uint32_t number = 1; number < side_table_end(); number++) {
        side_record_t *entry = side_table_at(number);
        if (entry->kind != SIDE_ENTRY || !entry->dead)
            continue;
        entry->dead = !awake_is_resolved(entry);
        entry->lost = again ? entry->lost : !collected_is_marked((const void *)entry->object);
        collected_clear_flag(key_span(entry->object), COLLECTED_WATCHED);
        collected_clear_flag(key_span(entry->map), COLLECTED_WATCHED);
    }
}

static void forget_lost(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++)
        side_table_at(number)->lost = false;
}

void ephemerons_mark(uint32_t members, bool again)
{
    if (!entries)
        return;
    if (!again)
        forget_lost();
    begin_resolving();
    mark_run(members);
    mark_watch(false);
    end_resolving(again);
}
