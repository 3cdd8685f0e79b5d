/* death: what becomes of what hangs on an object (side_table.h) that is no longer reached, is freed by hand,
 * or moves.
 *
 * In the stopped world, when all is marked that the roots reach:
 *
 *     1  values of weak maps whose keys are marked: ephemeron.h
 *     2  decided: references to what is unmarked now, and entries whose keys are, are dead
 *     3  what unmarked objects with finalizers point to is marked, they themselves are not; then the values
 *        of weak maps among it whose keys were marked in 1: those entries live
 *     4  those that are still unmarked are finalized, and marked. Of a chain a --> b that is a; of a ring,
 *        none: each is reached from the next. Go's rule, and its fault
 *     5  WEIR_DEBUG=gcverify=1: the second tracer comes to the same decisions
 *     6  carried out: references cleared, entries dropped; finalizers queued, and the cleanups of all that is
 *        unmarked
 *
 * So nothing weak leads to an object that a finalizer sees, be it its own or one that it reaches. After 6 no
 * record hangs on an unmarked object, and the sweeper need not know about them.
 *
 * This folder: what hangs on objects, and what becomes of it when they die: finalizers, weak references,
 * weak maps.
 */
#ifndef WEIR_GC_REFS_DEATH_H
#define WEIR_GC_REFS_DEATH_H

#include <stdint.h>

/* 1 to 4, and 6. */
void death_mark(uint32_t members);
void death_carry_out(void);

/* An object's contents are at another address now; the old is about to be freed. */
void death_moved(const void *from, const void *to);

#endif
