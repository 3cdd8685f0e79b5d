/* shrinker: see shrinker.h. */
#include "runtime/cycle/shrinker.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

#include "runtime/os/os.h"

enum { SHRINKERS = 64 };

enum shrinker_state { FREE, FILLED, LISTENS, LEAVING };

static struct entry {
    _Atomic int state;
    _Atomic uintptr_t runner; /* os_thread_word of the thread that runs it; 0: none */
    /* Written while FILLED; read by a thread that has set `runner`, or that looks for an entry. */
    shrinker_t *_Atomic call;
    void *_Atomic context;
    _Atomic int priority;
    _Atomic uint64_t number; /* in the order in which they came */
} entries[SHRINKERS];

static _Atomic uint64_t came;

bool shrinker_add(shrinker_t *shrinker, void *context, int priority)
{
    for (size_t i = 0; i < SHRINKERS; i++) {
        struct entry *entry = &entries[i];
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&entry->state, &expected, FILLED))
            continue;
        entry->call = shrinker;
        entry->context = context;
        entry->priority = priority;
        entry->number = atomic_fetch_add(&came, 1);
        atomic_store(&entry->state, LISTENS);
        return true;
    }
    return false;
}

/* Make the entry free if it is LEAVING. Called by the thread that removes it, when no thread runs it any
 * more, and by a thread that has run it; the first of them does it. */
static void leave(struct entry *entry)
{
    int leaving = LEAVING;
    atomic_compare_exchange_strong(&entry->state, &leaving, FREE);
}

void shrinker_remove(shrinker_t *shrinker, void *context)
{
    for (size_t i = 0; i < SHRINKERS; i++) {
        struct entry *entry = &entries[i];
        int listens = LISTENS;
        if (atomic_load(&entry->state) != LISTENS || entry->call != shrinker || entry->context != context ||
            !atomic_compare_exchange_strong(&entry->state, &listens, LEAVING))
            continue;
        if (atomic_load(&entry->runner) == os_thread_word())
            return; /* called from within the shrinker: `run` makes the entry free */
        while (atomic_load(&entry->runner))
            os_yield();
        leave(entry);
        return;
    }
}

/* --- running --- */

/* The place of an entry in the order of calls. */
typedef struct turn {
    int64_t priority;
    uint64_t number;
} turn_t;

static bool is_before(turn_t a, turn_t b)
{
    return a.priority < b.priority || (a.priority == b.priority && a.number < b.number);
}

/* The first entry after *place; sets *place to the place of that entry. NULL: there is none. Entries that are
 * added or removed meanwhile may be missed. */
static struct entry *next_after(turn_t *place)
{
    struct entry *found = NULL;
    turn_t best = {INT64_MAX, 0};
    for (size_t i = 0; i < SHRINKERS; i++) {
        turn_t here = {entries[i].priority, entries[i].number};
        if (atomic_load(&entries[i].state) == LISTENS && is_before(*place, here) && is_before(here, best)) {
            found = &entries[i];
            best = here;
        }
    }
    *place = best;
    return found;
}

/* False: the shrinker was removed, or another thread runs it. */
static bool run(struct entry *entry, size_t wanted, size_t *bytes)
{
    uintptr_t nobody = 0;
    if (!atomic_compare_exchange_strong(&entry->runner, &nobody, os_thread_word()))
        return false;
    bool listens = atomic_load(&entry->state) == LISTENS;
    if (listens)
        *bytes += entry->call(entry->context, wanted);
    atomic_store(&entry->runner, 0);
    if (listens)
        leave(entry);
    return listens;
}

size_t shrinker_run(size_t (*excess)(void), size_t *bytes)
{
    turn_t place = {INT64_MIN, 0};
    size_t ran = 0, wanted;
    *bytes = 0;
    for (struct entry *entry; (wanted = excess()) > 0 && (entry = next_after(&place)) != NULL;)
        ran += run(entry, wanted, bytes);
    return ran;
}

void shrinker_after_fork_child(void)
{
    for (size_t i = 0; i < SHRINKERS; i++)
        if (atomic_load(&entries[i].runner) && atomic_load(&entries[i].runner) != os_thread_word()) {
            atomic_store(&entries[i].runner, 0);
            leave(&entries[i]);
        }
}
