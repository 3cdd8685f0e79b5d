/* groups: the collected spans that may hold pointers, small and large, and groups of them that lie side by
 * side.
 *
 *     slots:   | a | a |   | b . . . . | c |   |   | a |     all are chosen; b is large
 *     gap 0:   |<----->|   |<------------->|       |<->|
 *     gap 1:   |<------------------------->|       |<->|
 *
 * Used by the collector's thread, beside the program or with the world stopped. Spans may come meanwhile:
 * then they may be seen or not. None goes (watch.h).
 */
#ifndef WEIR_GC_CYCLE_GROUPS_H
#define WEIR_GC_CYCLE_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Larger objects are never in a group: the page tables of what is watched take 1/512 of it, be it touched or
 * not. */
static const size_t GROUPS_OBJECT_MAX = (size_t)1 << 30;

/* Does the span that begins in the slot belong to a group? */
typedef bool groups_choose(uint32_t slot);
/* A group: its slots [first, end), and its memory [from, to). */
typedef bool groups_visit(uint32_t first, uint32_t end, uintptr_t from, uintptr_t to);

/* Call `each` for every group of the spans that `belongs` chooses, in ascending order. Spans with at most
 * `gap` slots between them are in one group; the gaps belong to it. False: a call returned false. */
bool groups_each(groups_choose *belongs, uint32_t gap, groups_visit *each);

/* Bytes of the span in that slot, if it is one that may hold pointers; 0: it is not. */
size_t groups_extent(uint32_t slot);
/* The slots of a span of that extent; 1 if there is none. */
uint32_t groups_slots(size_t extent);
/* All spans that exist now lie in slots below this one; more may come. */
uint32_t groups_end(void);

#endif
