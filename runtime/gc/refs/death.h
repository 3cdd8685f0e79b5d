/* death: what happens to the records attached to an object (side_table.h) when the object is no longer
 * reached, is freed by hand, or moves.
 *
 * In the stopped world, when everything that the roots reach is marked:
 *
 *     1  mark the values of weak maps whose keys are marked: ephemeron.h
 *     2  decide: references to unmarked objects, and entries with unmarked keys, are dead
 *     3  mark what unmarked objects with finalizers point to, but not those objects. This may reach further
 *        weak maps: mark the values of their entries whose keys were marked in 1; those entries live
 *     4  objects with finalizers that are still unmarked are to be finalized; mark them. In a chain a --> b
 *        only a is finalized. In a ring none is, since each is reached from another. Go has this rule and
 *        this flaw
 *     5  WEIR_DEBUG=gcverify=1: check that the reference tracer (reftrace.h) decides the same
 *     6  carry out: clear references, drop entries, queue finalizers, and queue the cleanups of all
 *        unmarked objects
 *
 * So no weak reference and no weak map leads to an object that a finalizer sees, whether its own object or
 * one reached from it. After 6 no record is attached to an unmarked object, and the sweeper need not know
 * about records.
 *
 * This folder: what hangs on objects, and what becomes of it when they die: finalizers, weak references,
 * weak maps.
 */
#ifndef WEIR_GC_REFS_DEATH_H
#define WEIR_GC_REFS_DEATH_H

#include <stdint.h>

/* death_mark: steps 1 to 4. death_carry_out: step 6. */
void death_mark(uint32_t members);
void death_carry_out(void);

/* An object has been copied from `from` to `to`; the old copy is about to be freed. */
void death_moved(const void *from, const void *to);

#endif
