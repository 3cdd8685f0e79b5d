/* block_map: see block_map.h. */
#include "runtime/profile/block_map.h"

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { ROOM_FIRST = 1024 };

static size_t home_of(const block_map_t *map, uintptr_t block)
{
    return (block >> 4) * 0x9e3779b97f4a7c15u >> 20 & (map->room - 1);
}

/* Where the block is, or would be. */
static block_entry_t *place_of(const block_map_t *map, uintptr_t block)
{
    size_t place = home_of(map, block);
    while (map->entries[place].block && map->entries[place].block != block)
        place = (place + 1) & (map->room - 1);
    return &map->entries[place];
}

static bool grow(block_map_t *map)
{
    block_map_t old = *map;
    size_t room = old.room ? 2 * old.room : ROOM_FIRST, bytes = room * sizeof *map->entries;
    block_entry_t *entries = os_take(bytes);
    if (!entries)
        return false;
    map->entries = entries;
    map->room = room;
    for (size_t i = 0; i < old.room; i++)
        if (old.entries[i].block)
            *place_of(map, old.entries[i].block) = old.entries[i];
    atomic_fetch_add(&page_stats.metadata, bytes);
    if (old.entries) {
        os_unreserve(old.entries, old.room * sizeof *old.entries);
        atomic_fetch_sub(&page_stats.metadata, old.room * sizeof *old.entries);
    }
    return true;
}

bool block_map_put(block_map_t *map, const void *block, uint64_t value)
{
    if (4 * (map->count + 1) > 3 * map->room && !grow(map))
        return false;
    block_entry_t *entry = place_of(map, (uintptr_t)block);
    map->count += entry->block == 0;
    *entry = (block_entry_t){.block = (uintptr_t)block, .value = value};
    return true;
}

block_entry_t *block_map_find(const block_map_t *map, const void *block)
{
    block_entry_t *entry = map->room ? place_of(map, (uintptr_t)block) : NULL;
    return entry && entry->block ? entry : NULL;
}

void block_map_remove(block_map_t *map, block_entry_t *entry)
{
    DEBUG_CHECK(entry->block != 0 && map->count > 0);
    size_t mask = map->room - 1, hole = (size_t)(entry - map->entries);
    for (size_t next = (hole + 1) & mask; map->entries[next].block; next = (next + 1) & mask)
        if (((next - home_of(map, map->entries[next].block)) & mask) >= ((next - hole) & mask)) {
            map->entries[hole] = map->entries[next];
            hole = next;
        }
    map->entries[hole].block = 0;
    map->count--;
}
