/* ephemeron: weak maps. An entry keeps its value alive as long as its key and its map are reached by other
 * ways: a value that points to its own key does not keep the entry (Hayes, "Ephemerons: a new finalization
 * mechanism", 1997).
 *
 * A map is a record attached to the map's object, an entry is one attached to the key (side_table.h). When
 * everything that the roots reach is marked, each entry is visited once. If its key and its map are marked,
 * its value is marked. Otherwise the spans of the two are flagged WATCHED. A marker that marks an object in a
 * watched span wakes the object's records, and markers that have nothing else to do resolve them. So a chain
 * of entries, where each value is the key of the next entry, takes time linear in its length. Ordinary
 * marking pays nothing: while no span is watched, its loop does not look at the flag (mark_mode_t).
 *
 *     entry --key or map unmarked--> watched --marked--> awake --resolved--> value marked --> ...
 *
 * An entry that is not resolved when nothing is left to mark is dead.
 */
#ifndef WEIR_GC_REFS_EPHEMERON_H
#define WEIR_GC_REFS_EPHEMERON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- for the program's threads; the map is the start of its object --- */

/* The object, noscan and new, is a map from now on. False: out of memory. */
bool map_make(const void *object);
enum map_result { MAP_DONE, MAP_NO_MEMORY, MAP_NO_MAP };
enum map_result map_set(const void *map, const void *key, const void *value);
/* 0 if there is none. */
uintptr_t map_get(const void *map, const void *key);
bool map_remove(const void *map, const void *key);
size_t map_count(const void *map);

/* --- under the lock of the side table, or in the stopped world --- */

void map_drop_entry(uint32_t entry);
/* The map's object is freed by hand. */
void map_drop(uint32_t map);

/* --- in the stopped world --- */

/* Mark the values of all live entries, and set `dead` in the others. `again`: the second pass, after
 * finalizers have reached more maps. Entries whose keys were not marked in the first pass stay dead. */
void ephemerons_mark(uint32_t members, bool again);

#endif
