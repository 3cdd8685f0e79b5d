/* death: see death.h. */
#include "runtime/gc/refs/death.h"

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/refs/ephemeron.h"
#include "runtime/gc/refs/finalize.h"
#include "runtime/gc/refs/weak.h"
#include "runtime/heap/hooks.h"

static bool is_reached(uintptr_t object)
{
    return collected_is_marked((const void *)object);
}

/* Is the record of this kind and attached to an object? A record in the finalizer queue is not. */
static bool is_of(const side_record_t *record, enum side_kind kind)
{
    return record->kind == kind && record->object;
}

/* --- in the stopped world --- */

static void decide_references(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_of(side_table_at(number), SIDE_REFERENCE))
            side_table_at(number)->dead = !is_reached(side_table_at(number)->object);
}

/* Mark what unmarked objects with finalizers point to, but not those objects. True if there were any. */
static bool mark_what_finalizers_see(void)
{
    bool any = false;
    for (uint32_t number = 1; number < side_table_end(); number++) {
        const side_record_t *record = side_table_at(number);
        if (is_of(record, SIDE_FINALIZER) && !is_reached(record->object)) {
            mark_contents((const void *)record->object);
            any = true;
        }
    }
    return any;
}

static void decide_finalizers(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_of(side_table_at(number), SIDE_FINALIZER))
            side_table_at(number)->dead = !is_reached(side_table_at(number)->object);
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_of(side_table_at(number), SIDE_FINALIZER) && side_table_at(number)->dead)
            mark_word((const void *)side_table_at(number)->object);
}

void death_mark(uint32_t members)
{
    if (!side_table_end())
        return;
    ephemerons_mark(members, false);
    decide_references();
    bool any = mark_what_finalizers_see();
    if (any) {
        mark_run(members);
        ephemerons_mark(members, true); /* maps that only finalizers reach */
    }
    decide_finalizers();
    if (any)
        mark_run(1);
}

static void carry_out(uint32_t number)
{
    const side_record_t *record = side_table_at(number);
    switch (record->kind) {
    case SIDE_FINALIZER:
        if (record->dead)
            finalize_queue(number);
        break;
    case SIDE_CLEANUP:
        if (!is_reached(record->object))
            finalize_queue(number);
        break;
    case SIDE_REFERENCE:
        if (record->dead)
            reference_set(number, 0);
        if (record->dead || !is_reached((uintptr_t)record->reference))
            side_table_drop(number);
        break;
    case SIDE_ENTRY:
        if (record->dead)
            map_drop_entry(number);
        break;
    default:
        break;
    }
}

/* Maps go last: entries of an unreached map are dead, and the first loop has taken them off its list. */
void death_carry_out(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (side_table_at(number)->object)
            carry_out(number);
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_of(side_table_at(number), SIDE_MAP) && !is_reached(side_table_at(number)->object))
            side_table_drop(number);
}

/* --- by hand --- */

static void free_record(uint32_t number)
{
    switch (side_table_at(number)->kind) {
    case SIDE_CLEANUP:
        finalize_queue(number);
        break;
    case SIDE_REFERENCE:
        reference_set(number, 0);
        side_table_drop(number);
        break;
    case SIDE_ENTRY:
        map_drop_entry(number);
        break;
    case SIDE_MAP:
        map_drop(number);
        break;
    default:
        side_table_drop(number);
    }
}

/* An object is freed by hand: its finalizer is dropped, references to it are cleared, its cleanups are
 * queued. */
void hook_freed(const void *object)
{
    if (!side_table_lock())
        return;
    for (uint32_t number; (number = side_table_next_of((uintptr_t)object, 0));)
        free_record(number);
    reference_freed(object);
    side_table_unlock();
    finalize_wake();
}

/* The record of a weak map is left where it is: the program may not move a map. */
void death_moved(const void *from, const void *to)
{
    if (!side_table_lock())
        return;
    for (uint32_t number = side_table_next_of((uintptr_t)from, 0), next; number; number = next) {
        next = side_table_next_of((uintptr_t)from, number);
        if (side_table_at(number)->kind == SIDE_MAP)
            continue;
        if (side_table_at(number)->kind == SIDE_REFERENCE)
            reference_set(number, (uintptr_t)to);
        side_table_move(number, (uintptr_t)to);
    }
    side_table_unlock();
}
