/* process: see process.h. */
#include "runtime/gc/roots/process.h"

#include <stddef.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/os/os.h"
#include "runtime/os/own.h"
#include "runtime/pages/pages.h"
#include "runtime/process/written.h"
#include "runtime/threads/world.h"

/* The collector's, while the world is stopped: what the call in progress is about. */
static struct {
    uintptr_t here;
    void (*range)(uintptr_t from, uintptr_t to);
    uintptr_t guard_end; /* the last mapping ends there, if nothing may be done with it; else 0 */
    bool any_may_vanish; /* a thread may still unmap any mapping */
    unsigned may;        /* of the mapping that is looked at, */
    bool may_vanish;     /* and this */
    bool failed;
} now;

/* --- stacks --- */

/* What a thread has below its stack pointer on its own stack is not in use. Where its pointer is elsewhere,
 * on a coroutine's stack or a handler's, it is not known what is: then all of both counts, and the thread has
 * no entry. Of the first thread's stack the mapping tells the lower end. */
typedef struct unused {
    uintptr_t low, pointer, end; /* low: 0 if the mapping tells; low < pointer < end */
} unused_t;

/* And what is jemalloc's of its thread-local memory, [low, pointer) as well. By their pointers, ascending:
 * the parts are disjoint, so they are by their lower ends as well. */
static struct {
    unused_t *at;
    size_t count, room;
} unused;

static bool unused_add(unused_t part)
{
    if (unused.count == unused.room) {
        unused_t *at = pages_grown(unused.at, &unused.room, 512, sizeof *at);
        if (!at)
            return false;
        unused.at = at;
    }
    unused.at[unused.count++] = part;
    return true;
}

static bool unused_add_stack(const heap_t *heap)
{
    uintptr_t from, to;
    world_stack(heap, &from, &to);
    uintptr_t pointer = (heap == cache.heap ? now.here : from) & ~(uintptr_t)7;
    return atomic_load(&heap->thread.vforks) /* its child runs there */ ||
           heap->thread.stack_limit >= pointer || pointer >= heap->thread.stack_to ||
           unused_add((unused_t){heap->thread.stack_limit, pointer, heap->thread.stack_to});
}

static bool unused_add_own(const heap_t *heap)
{
    uintptr_t from, to;
    stacks_own_thread_local(heap, &from, &to);
    return from >= to || unused_add((unused_t){from, to, to});
}

/* Shell's: threads may be thousands, and libc's may allocate. */
static void unused_sort(void)
{
    for (size_t gap = unused.count / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < unused.count; i++) {
            unused_t stack = unused.at[i];
            size_t to = i;
            for (; to >= gap && unused.at[to - gap].pointer > stack.pointer; to -= gap)
                unused.at[to] = unused.at[to - gap];
            unused.at[to] = stack;
        }
}

static bool unused_find(void)
{
    unused.count = 0;
    bool found = true;
    for (const heap_t *heap = heaps.all; heap && found; heap = heap->next)
        found = !heap_has_thread(heap) || (unused_add_stack(heap) && unused_add_own(heap));
    unused_sort();
    return found;
}

/* The first whose pointer is above the address. */
static size_t unused_above(uintptr_t address)
{
    size_t first = 0, end = unused.count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (unused.at[middle].pointer > address)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

/* The lowest unused part that reaches into the rest of a mapping, [from, to). */
static bool unused_next(uintptr_t from, uintptr_t to, uintptr_t *low, uintptr_t *high)
{
    for (size_t i = unused_above(from); i < unused.count; i++) {
        const unused_t *stack = &unused.at[i];
        if (!stack->low && !(stack->end > from && stack->end <= to))
            continue;
        *low = stack->low ? stack->low : from;
        *high = stack->pointer;
        return *low < to;
    }
    return false;
}

/* A thread that has given its heap up is not stopped, and may still unmap stacks of threads that have ended:
 * the C library does so when it keeps too many. Such a stack lies above a guard page, and no thread that is
 * stopped has it, nor its thread-local memory there. The size: larger ones are not kept. */
static bool may_vanish(uintptr_t from, uintptr_t to)
{
    enum { KEPT_MAX = 64 * 1024 * 1024 };
    if (from != now.guard_end || to - from > KEPT_MAX)
        return false;
    size_t i = unused_above(from);
    return i == unused.count || unused.at[i].pointer > to;
}

/* --- pages that may not be read or may vanish, and code --- */

/* The words there that may be addresses of blocks. */
static struct {
    uintptr_t *at;
    size_t count, room;
} words;

static bool words_grow(void)
{
    uintptr_t *at = pages_grown(words.at, &words.room, 512, sizeof *at);
    if (at)
        words.at = at;
    return at != NULL;
}

/* Every so many bytes there may be one. */
static void note_words(const char *from, size_t size, size_t step)
{
    for (size_t i = 0; i + sizeof(uintptr_t) <= size && !now.failed; i += step) {
        uintptr_t word;
        memcpy(&word, from + i, sizeof word);
        if (!region_owns((const void *)word))
            continue;
        if (words.count == words.room && !words_grow())
            now.failed = true;
        else
            words.at[words.count++] = word;
    }
}

/* What is gone when it is copied holds no root. */
static void note_copied(uintptr_t from, uintptr_t to)
{
    static char copy[OS_PAGE];
    size_t step = now.may & WRITTEN_MAY_EXECUTE ? 1 : sizeof(uintptr_t);
    for (uintptr_t end; from < to && !now.failed; from = end) {
        end = (from & ~(uintptr_t)(OS_PAGE - 1)) + OS_PAGE;
        end = end < to ? end : to;
        enum written_copied copied = written_copy(copy, from, end - from);
        if (copied == WRITTEN_COPIED)
            note_words(copy, end - from, step);
        now.failed |= copied == WRITTEN_REFUSED;
    }
}

/* What compilers at run time leave has addresses in its instructions, at any byte. */
static void note_code(uintptr_t from, uintptr_t to)
{
    note_words((const char *)from, to - from, 1);
}

/* --- all that was written --- */

static void add_process_part(uintptr_t from, uintptr_t to)
{
    written_range *range = !(now.may & WRITTEN_MAY_READ) || now.may_vanish ? note_copied
                           : now.may & WRITTEN_MAY_EXECUTE                 ? note_code
                                                                           : now.range;
    now.failed |= !written_each_range(from, to, range);
}

static void add_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    uintptr_t low, high;
    now.may = may;
    now.may_vanish = now.any_may_vanish || may_vanish(from, to);
    now.guard_end = may ? 0 : to;
    while (from < to && unused_next(from, to, &low, &high)) {
        if (low > from)
            own_subtract(from, low, add_process_part);
        from = high;
    }
    if (from < to)
        own_subtract(from, to, add_process_part);
}

bool process_is_open(void)
{
    return written_is_known();
}

void process_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    now.here = here;
    now.range = range;
    now.guard_end = 0;
    now.any_may_vanish = world_may_unmap();
    words.count = 0;
    now.failed = !unused_find();
    now.failed |= !written_each_mapping(add_mapping);
    range((uintptr_t)words.at, (uintptr_t)(words.at + words.count));
}

bool process_was_open(void)
{
    return !now.failed;
}
