/* quarantine: the memory of checked arenas. It is mapped for them alone, and stays inaccessible for long
 * after its use.
 *
 * A range that is put here gives its memory back at once and keeps its addresses: a late use faults, and the
 * address in the fault is of no other object. The oldest ranges are unmapped when there are more than a
 * thousand, or more than 1 GiB of addresses. After Go's arena experiment, which leaves chunks to fault until
 * the collector has seen that nothing points into them.
 *
 * The memory lies outside of the heap and counts as metadata.
 */
#ifndef WEIR_ARENA_QUARANTINE_H
#define WEIR_ARENA_QUARANTINE_H

#include <stddef.h>

/* Map memory; put a mapping, or any part of one, into quarantine. Sizes are multiples of the page. Any thread
 * may call these. NULL: ENOMEM. */
void *arena_quarantine_map(size_t size);
void arena_quarantine_put(void *start, size_t size);

bool arena_quarantine_before_fork(void);
void arena_quarantine_after_fork(bool child);

#endif
