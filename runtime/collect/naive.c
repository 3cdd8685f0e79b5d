/* naive: see naive.h. */
#include "runtime/collect/naive.h"

#include <string.h>
#include <weir/gc.h>

#include "runtime/collect/attached.h"
#include "runtime/collect/crew.h"
#include "runtime/collect/mark.h"
#include "runtime/collect/roots.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/large.h"
#include "runtime/heap/world.h"
#include "runtime/os/check.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/os/signal.h"

enum { STEP = 1 << 20 /* bytes of the queue that are committed at a time */ };

/* The collector's, with the world stopped. */
static struct {
    uint8_t *seen;    /* a byte for each 16 bytes of the region, at the start of an object */
    reached_t *queue; /* reserved for as many objects as there may be; number 0 is none */
    size_t seen_bytes, queue_bytes, committed; /* committed: of the queue */
    size_t count, scanned;                     /* numbers up to these were reached, and scanned */
    uintptr_t at, from;                        /* of the word that is visited: see reached_t */
    bool failed;                               /* there was no memory for all that is reached */
    bool verifies;
    bool in_roots; /* what is visited is a word of the roots */
    bool floats;   /* marked beside the program: garbage of the trace itself may be marked */
    bool moves;    /* a thread that nobody has stopped has run since the marker took the roots, or may have */
} naive;

/* --- threads that run while the world is stopped --- */

/* In collect mode a thread that has just begun runs until it asks for a heap, one that has given its heap back
 * until it is gone. Neither loads a pointer that the marker has not seen; but what it spills on its stack may
 * look like an object: a register of which one byte was overwritten, say. */
static bool is_anybody_unknown(void)
{
    uint32_t known = crew_started();
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        known += world_scans(heap);
    return os_thread_count() > known;
}

void naive_prepare(void)
{
    naive.moves = options.collect && is_anybody_unknown();
}

static span_t *span_around(uintptr_t object)
{
    return span_of_slot(region_slot((const void *)object));
}

static bool is_seen(uintptr_t object)
{
    return naive.seen[(object - region_base) / 16];
}

/* Is it marked? It must be, unless a word on the stack of a thread that moves has led to it. */
static bool is_marked_or_stray(uintptr_t object)
{
    bool is_marked = collected_is_marked((const void *)object);
    /* Else the collector has missed an object that is reached. */
    ALWAYS_CHECK(is_marked || (naive.in_roots && naive.moves));
    return is_marked;
}

static void reach(uintptr_t object)
{
    size_t need = (naive.count + 2) * sizeof *naive.queue;
    if (need > naive.committed && !naive.failed) {
        naive.failed = !os_commit((char *)naive.queue + naive.committed, STEP);
        naive.committed += STEP;
    }
    if (naive.failed)
        return;
    naive.seen[(object - region_base) / 16] = 1;
    naive.queue[++naive.count] = (reached_t){object, naive.at, naive.from};
}

static void visit(void *context, const void *p)
{
    (void)context;
    uintptr_t object = (uintptr_t)mark_base(p);
    if (object && !is_seen(object) && (!naive.verifies || is_marked_or_stray(object)))
        reach(object);
}

static void visit_inside(void *context, const void *p)
{
    if (mark_heeds(p))
        visit(context, p);
}

__attribute__((no_sanitize("address", "thread"))) void naive_visit_word(uintptr_t at)
{
    naive.at = at;
    visit(NULL, *(const void *const *)at);
}

static void visit_range(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += sizeof(uintptr_t))
        naive_visit_word(from);
}

/* Pools poison what they hold. */
__attribute__((no_sanitize("address", "thread"))) static void visit_word_inside(uintptr_t at)
{
    naive.at = at;
    visit_inside(NULL, *(const void *const *)at);
}

__attribute__((no_sanitize("address", "thread"))) static void visit_typed(uintptr_t object, size_t bytes)
{
    const weir_type *type = *(const weir_type *const *)(object + bytes - sizeof type);
    if (!type)
        return;
    size_t count = (bytes - sizeof type) / type->size;
    naive.at = 0;
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

static void scan(uintptr_t object)
{
    span_t *span = span_around(object);
    size_t bytes = span_usable(span);
    if (span->kind == KIND_SCAN)
        for (uintptr_t word = object; word < object + bytes; word += sizeof word)
            visit_word_inside(word);
    else if (span->kind == KIND_TYPED)
        visit_typed(object, bytes);
}

bool naive_begin(void)
{
    size_t cells = region.used / 16;
    naive.seen_bytes = os_page_up(cells);
    naive.queue_bytes = (cells + 1) * sizeof *naive.queue / STEP * STEP + STEP;
    naive.seen = os_take(naive.seen_bytes);
    naive.queue = naive.seen ? os_reserve(naive.queue_bytes, OS_PAGE) : NULL;
    if (!naive.queue) {
        if (naive.seen)
            os_unreserve(naive.seen, naive.seen_bytes);
        return false;
    }
    naive.committed = naive.count = naive.scanned = 0;
    naive.at = naive.from = 0;
    naive.failed = naive.verifies = naive.in_roots = false;
    return true;
}

void naive_end(void)
{
    os_unreserve(naive.seen, naive.seen_bytes);
    os_unreserve(naive.queue, naive.queue_bytes);
}

static void drain(void)
{
    while (naive.scanned < naive.count) {
        naive.from = ++naive.scanned;
        scan(naive.queue[naive.from].object);
    }
    /* Linked into a program this is a root: no address inside an object may stay. */
    naive.at = naive.from = 0;
}

/* --- what hangs on objects: gone.h, less cleverly --- */

static void follow_entries(bool again)
{
    size_t before;
    do {
        before = naive.count;
        for (uint32_t number = 1; number < attached_end(); number++) {
            const attached_t *entry = attached_at(number);
            if (entry->kind == ATTACHED_ENTRY && !(again && entry->lost) && is_seen(entry->object) &&
                is_seen(entry->map)) {
                naive.at = number;
                naive.from = NAIVE_ENTRY;
                visit(NULL, (const void *)entry->value);
            }
        }
        drain();
    } while (naive.count > before);
}

/* What the collector holds to be gone is just what was not seen; or, where garbage floats, a part of it. */
static void check_gone(bool gone, bool seen)
{
    ALWAYS_CHECK(naive.failed || (naive.floats ? !(gone && seen) : gone == !seen));
}

/* The collector has decided before finalizers were looked at, as is done here. */
static void check_weak(void)
{
    for (uint32_t number = 1; number < attached_end(); number++) {
        const attached_t *record = attached_at(number);
        bool seen = record->object && is_seen(record->object);
        if (record->kind == ATTACHED_REFERENCE)
            check_gone(record->dead, seen);
        if (record->kind == ATTACHED_ENTRY)
            check_gone(record->lost, seen);
    }
}

static void check_entries(void)
{
    for (uint32_t number = 1; number < attached_end(); number++) {
        const attached_t *record = attached_at(number);
        if (record->kind == ATTACHED_ENTRY)
            check_gone(record->dead, !record->lost && is_seen(record->map));
    }
}

static bool is_finalizer(const attached_t *record)
{
    return record->kind == ATTACHED_FINALIZER && record->object;
}

static void follow_finalizers(void)
{
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_finalizer(attached_at(number)) && !is_seen(attached_at(number)->object))
            scan(attached_at(number)->object);
    drain();
    follow_entries(true);
    check_entries();
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_finalizer(attached_at(number)))
            check_gone(attached_at(number)->dead, is_seen(attached_at(number)->object));
    for (uint32_t number = 1; number < attached_end(); number++)
        if (is_finalizer(attached_at(number)) && attached_at(number)->dead)
            visit(NULL, (const void *)attached_at(number)->object);
    drain();
}

static void verify(uintptr_t here, size_t objects, size_t black)
{
    naive.in_roots = true;
    roots_each(here, visit_range);
    naive.in_roots = false;
    drain();
    follow_entries(false);
    check_weak();
    follow_finalizers();
    /* Else the collector has marked more than is reached. In collect mode a thread that has just begun, or is
     * about to be gone, runs while the world is stopped, and overwrites on its stack what an earlier one has
     * left there. */
    ALWAYS_CHECK(naive.failed || naive.count >= objects || options.collect || naive.floats);
    ALWAYS_CHECK(naive.count <= objects + black);
}

bool naive_verify(uintptr_t here, size_t objects, size_t black, bool floats)
{
    if (!naive_begin())
        return false;
    naive.verifies = true;
    naive.floats = floats;
    naive.moves = naive.moves || (options.collect && is_anybody_unknown());
    verify(here, objects, black);
    naive_end();
    return !naive.failed;
}

/* --- paths --- */

void naive_visit_object(uintptr_t object)
{
    naive.at = 0;
    visit(NULL, (const void *)object);
}

bool naive_run(void)
{
    drain();
    follow_entries(false);
    return !naive.failed;
}

size_t naive_count(void)
{
    return naive.count;
}

const reached_t *naive_at(size_t number)
{
    return &naive.queue[number];
}

size_t naive_find(uintptr_t object)
{
    size_t number = is_seen(object) ? naive.count : 0;
    while (number > 0 && naive.queue[number].object != object)
        number--;
    return number;
}
