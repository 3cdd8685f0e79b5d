/* ephemeron: weak maps. An entry's value is kept alive as long as both its key and its map are, and not by
 * itself: a value that points to its own key does not keep it (Hayes, "Ephemerons: a new finalization
 * mechanism", 1997).
 *
 * Maps and entries are records that hang on the map's object and on the key (side_table.h). When all is
 * marked that the roots reach, each entry is looked at once. If key and map are marked, so is the value.
 * Otherwise the spans of those two are WATCHED: marking an object of such a span looks whether it is one that
 * is waited for, and if so wakes its records; markers that have nothing else to do resolve these. So a chain
 * of entries, each the key of the next, takes time linear in its length, and ordinary marking pays one test
 * of a word that it has at hand.
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

/* Mark the values of all entries that live, and tell the dead. `again`: more maps are marked since; keys that
 * were not marked then do not count. */
void ephemerons_mark(uint32_t members, bool again);

#endif
