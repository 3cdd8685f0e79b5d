/* reftrace: see reftrace.h. */
#include "runtime/gc/debug/reftrace.h"

#include <string.h>
#include <weir/gc.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/threads/strangers.h"
#include "runtime/threads/world.h"

enum { STEP = 1 << 20 /* bytes of the queue that are committed at a time */ };

/* Used by the collector, with the world stopped. */
static struct {
    uint8_t *seen;    /* a byte for each 16 bytes of the region, at the start of an object */
    reached_t *queue; /* reserved for as many objects as there may be; number 0 is none */
    size_t seen_bytes, queue_bytes, committed; /* committed: of the queue */
    size_t count, scanned;                     /* numbers up to these were reached, and scanned */
    uintptr_t at, from;                        /* of the word that is visited: see reached_t */
    uintptr_t here;                            /* the collector's own frames lie below it */
    bool failed;                               /* there was no memory for all that is reached */
    bool verifies;
    bool in_roots; /* what is visited is a word of the roots */
    bool floats;   /* the trace was concurrent: floating garbage may be marked */
    bool moves;    /* a thread that was not stopped has run since the marker took the roots, or may have */
} reftrace;

/* A thread that runs meanwhile loads no pointer that the marker has not seen. But what it spills on its stack
 * may look like a pointer: a register of which one byte was overwritten, say. */
void reftrace_prepare(void)
{
    reftrace.moves = options.collect && strangers_run();
}

static span_t *collected_span_around(uintptr_t object)
{
    return span_of_slot(region_slot((const void *)object));
}

static bool is_seen(uintptr_t object)
{
    return reftrace.seen[(object - region_base) / 16];
}

/* Does the word lie in a frame of the collector? On a coroutine's stack that was not registered, the memory
 * below the stack pointer may be the program's, and is a root. Then the collector's frames there, and what
 * earlier calls have left there, are roots as well: they hold addresses of objects, which change as the
 * collector works. */
static bool is_own_frame(uintptr_t word)
{
    enum { DEEPEST = 64 * 1024 };
    return reftrace.here - word - 1 < DEEPEST;
}

/* Is the object marked? It must be, unless the word that led to it lies on the stack of a running thread or
 * of the collector. */
static bool is_marked_or_stray(uintptr_t object)
{
    bool is_marked = collected_is_marked((const void *)object);
    /* If this fails, the collector has missed an object that is reached. */
    ALWAYS_CHECK(is_marked || (reftrace.in_roots && (reftrace.moves || is_own_frame(reftrace.at))));
    return is_marked;
}

static void reach_reference(uintptr_t object)
{
    size_t need = (reftrace.count + 2) * sizeof *reftrace.queue;
    if (need > reftrace.committed && !reftrace.failed) {
        reftrace.failed = !os_commit((char *)reftrace.queue + reftrace.committed, STEP);
        reftrace.committed += STEP;
    }
    if (reftrace.failed)
        return;
    reftrace.seen[(object - region_base) / 16] = 1;
    reftrace.queue[++reftrace.count] = (reached_t){object, reftrace.at, reftrace.from};
}

static void visit_reference(void *context, const void *p)
{
    (void)context;
    uintptr_t object = (uintptr_t)mark_base(p);
    if (object && !is_seen(object) && (!reftrace.verifies || is_marked_or_stray(object)))
        reach_reference(object);
}

static void visit_inside(void *context, const void *p)
{
    if (mark_keeps(p))
        visit_reference(context, p);
}

__attribute__((no_sanitize("address", "thread"))) void reftrace_visit_word(uintptr_t at)
{
    reftrace.at = at;
    visit_reference(NULL, *(const void *const *)at);
}

static void visit_range(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += sizeof(uintptr_t))
        reftrace_visit_word(from);
}

/* Unchecked by sanitizers: pools poison what they hold. */
__attribute__((no_sanitize("address", "thread"))) static void visit_word_inside(uintptr_t at)
{
    reftrace.at = at;
    visit_inside(NULL, *(const void *const *)at);
}

__attribute__((no_sanitize("address", "thread"))) static void visit_typed(uintptr_t object, size_t bytes)
{
    const weir_type *type = *(const weir_type *const *)(object + bytes - sizeof type);
    if (!type)
        return;
    size_t count = (bytes - sizeof type) / type->size;
    reftrace.at = 0;
    if (type->trace) {
        type->trace((const void *)object, count, visit_inside, NULL);
        return;
    }
    for (size_t word = 0; word < count * (type->size / 8); word++) {
        size_t bit = word % (type->size / 8);
        if (type->pointers[bit / 64] >> bit % 64 & 1)
            visit_word_inside(object + word * sizeof(uintptr_t));
    }
}

static void scan_references(uintptr_t object)
{
    span_t *span = collected_span_around(object);
    size_t bytes = span_usable(span);
    if (span->kind == KIND_SCAN)
        for (uintptr_t word = object; word < object + bytes; word += sizeof word)
            visit_word_inside(word);
    else if (span->kind == KIND_TYPED)
        visit_typed(object, bytes);
}

bool reftrace_begin(void)
{
    size_t cells = region.used / 16;
    reftrace.seen_bytes = os_page_up(cells);
    reftrace.queue_bytes = (cells + 1) * sizeof *reftrace.queue / STEP * STEP + STEP;
    reftrace.seen = os_take(reftrace.seen_bytes);
    reftrace.queue = reftrace.seen ? os_reserve(reftrace.queue_bytes, OS_PAGE) : NULL;
    if (!reftrace.queue) {
        if (reftrace.seen)
            os_unreserve(reftrace.seen, reftrace.seen_bytes);
        return false;
    }
    reftrace.committed = reftrace.count = reftrace.scanned = 0;
    reftrace.at = reftrace.from = 0;
    reftrace.failed = reftrace.verifies = reftrace.in_roots = false;
    return true;
}

void reftrace_end(void)
{
    os_unreserve(reftrace.seen, reftrace.seen_bytes);
    os_unreserve(reftrace.queue, reftrace.queue_bytes);
}

static void drain_references(void)
{
    while (reftrace.scanned < reftrace.count) {
        reftrace.from = ++reftrace.scanned;
        scan_references(reftrace.queue[reftrace.from].object);
    }
    /* If the library is linked into a program, these are roots: no address inside an object may stay in
     * them. */
    reftrace.at = reftrace.from = 0;
}

/* --- records of objects: the steps of death.h, in the simplest way --- */

static void follow_entries(bool again)
{
    size_t before;
    do {
        before = reftrace.count;
        for (uint32_t number = 1; number < side_table_end(); number++) {
            const side_record_t *entry = side_table_at(number);
            if (entry->kind == SIDE_ENTRY && !(again && entry->lost) && is_seen(entry->object) &&
                is_seen(entry->map)) {
                reftrace.at = number;
                reftrace.from = REFTRACE_MAP_ENTRY;
                visit_reference(NULL, (const void *)entry->value);
            }
        }
        drain_references();
    } while (reftrace.count > before);
}

/* The collector must have found exactly those objects dead that were not seen here; with floating garbage,
 * only some of them. */
static void check_gone(bool gone, bool seen)
{
    ALWAYS_CHECK(reftrace.failed || (reftrace.floats ? !(gone && seen) : gone == !seen));
}

/* Checked before finalizers are followed, since that is when the collector has decided. */
static void check_weak(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++) {
        const side_record_t *record = side_table_at(number);
        bool seen = record->object && is_seen(record->object);
        if (record->kind == SIDE_REFERENCE)
            check_gone(record->dead, seen);
        if (record->kind == SIDE_ENTRY)
            check_gone(record->lost, seen);
    }
}

static void check_entries(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++) {
        const side_record_t *record = side_table_at(number);
        if (record->kind == SIDE_ENTRY)
            check_gone(record->dead, !record->lost && is_seen(record->map));
    }
}

static bool is_finalizer(const side_record_t *record)
{
    return record->kind == SIDE_FINALIZER && record->object;
}

static void follow_finalizers(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_finalizer(side_table_at(number)) && !is_seen(side_table_at(number)->object))
            scan_references(side_table_at(number)->object);
    drain_references();
    follow_entries(true);
    check_entries();
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_finalizer(side_table_at(number)))
            check_gone(side_table_at(number)->dead, is_seen(side_table_at(number)->object));
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (is_finalizer(side_table_at(number)) && side_table_at(number)->dead)
            visit_reference(NULL, (const void *)side_table_at(number)->object);
    drain_references();
}

static void verify_marks(uintptr_t here, size_t objects, size_t black)
{
    reftrace.in_roots = true;
    reftrace.here = here;
    roots_each(here, visit_range);
    reftrace.in_roots = false;
    drain_references();
    follow_entries(false);
    check_weak();
    follow_finalizers();
    /* If this fails, the collector has marked more than is reached. Not in collect mode: there a new or an
     * ending thread runs while the world is stopped, and overwrites on its stack what an earlier thread has
     * left. */
    ALWAYS_CHECK(reftrace.failed || reftrace.count >= objects || options.collect || reftrace.floats);
    ALWAYS_CHECK(reftrace.count <= objects + black);
}

bool reftrace_verify(uintptr_t here, size_t objects, size_t black, bool floats)
{
    if (!reftrace_begin())
        return false;
    reftrace.verifies = true;
    reftrace.floats = floats;
    reftrace.moves = reftrace.moves || (options.collect && strangers_run());
    verify_marks(here, objects, black);
    reftrace_end();
    return !reftrace.failed;
}

/* --- paths --- */

void reftrace_visit_object(uintptr_t object)
{
    reftrace.at = 0;
    visit_reference(NULL, (const void *)object);
}

bool reftrace_run(void)
{
    drain_references();
    follow_entries(false);
    return !reftrace.failed;
}

size_t reftrace_count(void)
{
    return reftrace.count;
}

const reached_t *reftrace_at(size_t number)
{
    return &reftrace.queue[number];
}

size_t reftrace_find(uintptr_t object)
{
    size_t number = is_seen(object) ? reftrace.count : 0;
    while (number > 0 && reftrace.queue[number].object != object)
        number--;
    return number;
}
