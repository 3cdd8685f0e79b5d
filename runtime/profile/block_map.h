/* block_map: finds what is known of a block, by the block's address.
 *
 * A hash table of open addressing in the runtime's own memory. A free entry ends a search, so removing an
 * entry moves later ones up into its place (Knuth, The Art of Computer Programming 3, 6.4, algorithm R). Not
 * synchronized: the caller has a lock.
 *
 *     entries:  | block | caller's data | 0 | ... | block | caller's data |        `stride` bytes each
 *
 *     count <= 3/4 of room,   room is a power of two
 */
#ifndef WEIR_PROFILE_BLOCK_MAP_H
#define WEIR_PROFILE_BLOCK_MAP_H

#include <stddef.h>
#include <stdint.h>

/* What each entry begins with. */
typedef struct block_entry {
    uintptr_t block; /* 0: a free entry */
} block_entry_t;

typedef struct block_map {
    char *entries;
    size_t count, room; /* entries in use, and all; room is also read without the lock */
    size_t stride;      /* bytes of an entry; written once */
} block_map_t;

/* An empty map whose entries are of this type. */
#define BLOCK_MAP_OF(type)                                                                                   \
    {                                                                                                        \
        .stride = sizeof(type)                                                                               \
    }

/* The block's entry; a new one, zero but for the block, if it has none. NULL: no memory. An entry stays where
 * it is until the next put or remove. */
void *block_map_put(block_map_t *map, const void *block);
/* The block's entry; NULL: it has none. */
void *block_map_find(const block_map_t *map, const void *block);
void block_map_remove(block_map_t *map, void *entry);

/* Bytes of the table, which count as metadata. Any thread may ask. */
size_t block_map_bytes(const block_map_t *map);

#endif
