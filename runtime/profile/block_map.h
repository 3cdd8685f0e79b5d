/* block_map: maps the address of a block to a number.
 *
 * A hash table of open addressing in the runtime's own memory. A free entry ends a search, so removing an
 * entry moves later ones up into its place (Knuth, The Art of Computer Programming 3, 6.4, algorithm R). Not
 * synchronized: the caller has a lock.
 *
 *     count <= 3/4 of room,   room is a power of two
 */
#ifndef WEIR_PROFILE_BLOCK_MAP_H
#define WEIR_PROFILE_BLOCK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct block_entry {
    uintptr_t block; /* 0: a free entry */
    uint64_t value;
} block_entry_t;

/* All zero: empty. */
typedef struct block_map {
    block_entry_t *entries;
    size_t count, room;
} block_map_t;

/* Set the block's value, in place of any that it had. False: there is no memory for the entry. */
bool block_map_put(block_map_t *map, const void *block, uint64_t value);
/* The block's entry, valid until the map changes; NULL: it has none. */
block_entry_t *block_map_find(const block_map_t *map, const void *block);
void block_map_remove(block_map_t *map, block_entry_t *entry);

#endif
