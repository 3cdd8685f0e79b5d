/* awake: records of weak maps (refs/ephemeron.h) of which a key or a map has just been marked: they wait for
 * a marker that has nothing else to do.
 */
#ifndef WEIR_GC_MARK_AWAKE_H
#define WEIR_GC_MARK_AWAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/gc/cells/side_table.h"

/* For markers: an object of a WATCHED span has been marked. */
void awake_add(uintptr_t object);
/* Is any record awake? */
bool awake_any(void);
/* Take one record off the list of those awake, and visit its values if they live. False: none was awake. */
bool awake_resolve(void (*visit)(void *context, const void *p), void *context);

/* Are the entry's key and map marked, and so its value alive? */
bool awake_is_resolved(const side_record_t *entry);

#endif
