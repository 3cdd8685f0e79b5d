/* block_map: see block_map.h. */
#include "runtime/profile/block_map.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { ROOM_FIRST = 1024 };

static block_entry_t *entry_at(const block_map_t *map, size_t place)
{
    return (block_entry_t *)(void *)(map->entries + place * map->stride);
}

static size_t home_of(const block_map_t *map, uintptr_t block)
{
    return (block >> 4) * 0x9e3779b97f4a7c15u >> 20 & (map->room - 1);
}

/* Where the block is, or would be. */
static block_entry_t *place_of(const block_map_t *map, uintptr_t block)
{
    size_t place = home_of(map, block);
    while (entry_at(map, place)->block && entry_at(map, place)->block != block)
        place = (place + 1) & (map->room - 1);
    return entry_at(map, place);
}

size_t block_map_bytes(const block_map_t *map)
{
    return __atomic_load_n(&map->room, __ATOMIC_RELAXED) * map->stride;
}

static bool grow(block_map_t *map)
{
    block_map_t old = *map;
    size_t room = old.room ? 2 * old.room : ROOM_FIRST;
    char *entries = os_take(room * map->stride);
    if (!entries)
        return false;
    map->entries = entries;
    __atomic_store_n(&map->room, room, __ATOMIC_RELAXED);
    for (size_t i = 0; i < old.room; i++)
        if (entry_at(&old, i)->block)
            memcpy(place_of(map, entry_at(&old, i)->block), entry_at(&old, i), map->stride);
    atomic_fetch_add(&page_stats.metadata, block_map_bytes(map));
    if (old.entries) {
        os_unreserve(old.entries, block_map_bytes(&old));
        atomic_fetch_sub(&page_stats.metadata, block_map_bytes(&old));
    }
    return true;
}

void *block_map_put(block_map_t *map, const void *block)
{
    if (4 * (map->count + 1) > 3 * map->room && !grow(map))
        return NULL;
    block_entry_t *entry = place_of(map, (uintptr_t)block);
    if (!entry->block) {
        memset(entry, 0, map->stride);
        entry->block = (uintptr_t)block;
        map->count++;
    }
    return entry;
}

void *block_map_find(const block_map_t *map, const void *block)
{
    block_entry_t *entry = map->room ? place_of(map, (uintptr_t)block) : NULL;
    return entry && entry->block ? entry : NULL;
}

void block_map_remove(block_map_t *map, void *entry)
{
    size_t mask = map->room - 1, hole = (size_t)((char *)entry - map->entries) / map->stride;
    DEBUG_CHECK(entry_at(map, hole)->block != 0 && map->count > 0);
    for (size_t next = (hole + 1) & mask; entry_at(map, next)->block; next = (next + 1) & mask)
        if (((next - home_of(map, entry_at(map, next)->block)) & mask) >= ((next - hole) & mask)) {
            memcpy(entry_at(map, hole), entry_at(map, next), map->stride);
            hole = next;
        }
    entry_at(map, hole)->block = 0;
    map->count--;
}
