/* gone: see gone.h. */
#include "runtime/collect/gone.h"

#include "runtime/collect/attached.h"
#include "runtime/collect/ephemeron.h"
#include "runtime/collect/finalize.h"
#include "runtime/collect/mark.h"
#include "runtime/collect/weak.h"
#include "runtime/heap/above.h"
#include "runtime/heap/collected.h"

static bool is_marked(uintptr_t object)
{
    return collected_is_marked((const void *)object);
}

/* Records that hang on an object, of one kind; not those in the queue. */
static bool is_of(const attached_t *record, enum attached_kind kind)
{
    return record->kind == kind && record->object;
}

/* --- in the stopped world --- */

static void decide_references(void)
{
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_of(attached_at(number), ATTACHED_REFERENCE))
            attached_at(number)->dead = !is_marked(attached_at(number)->object);
}

/* True: there were any. */
static bool mark_what_finalizers_see(void)
{
    bool any = false;
    for (uint32_t number = 1; number < attached_end(); number++) {
        const attached_t *record = attached_at(number);
        if (is_of(record, ATTACHED_FINALIZER) && !is_marked(record->object)) {
            mark_contents((const void *)record->object);
            any = true;
        }
    }
    return any;
}

static void decide_finalizers(void)
{
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_of(attached_at(number), ATTACHED_FINALIZER))
            attached_at(number)->dead = !is_marked(attached_at(number)->object);
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_of(attached_at(number), ATTACHED_FINALIZER) && attached_at(number)->dead)
            mark_word((const void *)attached_at(number)->object);
}

void gone_mark(uint32_t members)
{
    if (!attached_end())
        return;
    ephemerons_mark(members, false);
    decide_references();
    bool any = mark_what_finalizers_see();
    if (any) {
        mark_run(members);
        ephemerons_mark(members, true); /* maps that finalizers come to */
    }
    decide_finalizers();
    if (any)
        mark_run(1);
}

static void carry_out(uint32_t number)
{
    const attached_t *record = attached_at(number);
    switch (record->kind) {
    case ATTACHED_FINALIZER:
        if (record->dead)
            finalize_queue(number);
        break;
    case ATTACHED_CLEANUP:
        if (!is_marked(record->object))
            finalize_queue(number);
        break;
    case ATTACHED_REFERENCE:
        if (record->dead)
            reference_set(number, 0);
        if (record->dead || !is_marked((uintptr_t)record->reference))
            attached_drop(number);
        break;
    case ATTACHED_ENTRY:
        if (record->dead)
            map_drop_entry(number);
        break;
    default:
        break;
    }
}

/* Maps last: their entries are dead with them, and are taken off their lists. */
void gone_carry_out(void)
{
    for (uint32_t number = 1; number < attached_end(); number++)
        if (attached_at(number)->object)
            carry_out(number);
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_of(attached_at(number), ATTACHED_MAP) && !is_marked(attached_at(number)->object))
            attached_drop(number);
}

/* --- by hand --- */

static void free_record(uint32_t number)
{
    switch (attached_at(number)->kind) {
    case ATTACHED_CLEANUP:
        finalize_queue(number);
        break;
    case ATTACHED_REFERENCE:
        reference_set(number, 0);
        attached_drop(number);
        break;
    case ATTACHED_ENTRY:
        map_drop_entry(number);
        break;
    case ATTACHED_MAP:
        map_drop(number);
        break;
    default:
        attached_drop(number);
    }
}

/* Its finalizer goes, references to it are cleared, its cleanups are queued. */
void above_freed(const void *object)
{
    if (!attached_lock())
        return;
    for (uint32_t number; (number = attached_next_of((uintptr_t)object, 0));)
        free_record(number);
    reference_freed(object);
    attached_unlock();
    finalize_wake();
}

/* A map stays: it is not the program's to move. */
void gone_moved(const void *from, const void *to)
{
    if (!attached_lock())
        return;
    for (uint32_t number = attached_next_of((uintptr_t)from, 0), next; number; number = next) {
        next = attached_next_of((uintptr_t)from, number);
        if (attached_at(number)->kind == ATTACHED_MAP)
            continue;
        if (attached_at(number)->kind == ATTACHED_REFERENCE)
            reference_set(number, (uintptr_t)to);
        attached_rehang(number, (uintptr_t)to);
    }
    attached_unlock();
}
