/* process: see process.h. */
#include "runtime/gc/roots/process.h"

#include <stddef.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/roots/mapped.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/malloc/shield.h"
#include "runtime/os/os.h"
#include "runtime/os/own.h"
#include "runtime/pages/pages.h"
#include "runtime/process/peek.h"
#include "runtime/process/written.h"
#include "runtime/threads/strangers.h"
#include "runtime/threads/world.h"

/* The state of process_each, while the world is stopped. */
static struct {
    uintptr_t here;
    void (*range)(uintptr_t from, uintptr_t to);
    bool may_vanish; /* a thread may still unmap any mapping */
    unsigned may;    /* what the present mapping permits */
    bool failed;
} now;

/* --- stacks --- */

/* The part of a thread's own stack below the stack pointer is not in use. If the pointer lies elsewhere, on
 * the stack of a coroutine or of a handler, it is not known what is in use: then both stacks count in full,
 * and the thread has no entry here. For the first thread, the mapping tells the lower end of the stack. */
typedef struct unused {
    uintptr_t low, pointer, end; /* low: 0 if the mapping tells; low < pointer < end */
} unused_t;

/* These parts of all threads, and jemalloc's part of each thread's thread-local memory, also as [low,
 * pointer). Sorted by `pointer`, ascending; as the parts are disjoint, they are sorted by `low` too. */
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

/* Shell sort: there may be thousands of threads, and the C library's qsort may allocate. */
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

/* The first part whose `pointer` is above the address. */
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

/* --- pages that may not be read or may vanish, and code --- */

/* Words that may be addresses of blocks, from pages that may not be read or may vanish, and from code. */
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

/* Look for words every `step` bytes. */
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

/* What was copied, and the seven bytes below it: an address in machine code may begin there. */
static struct {
    char below[8];
    char at[64 * 1024];
} copy;

/* Note the words of the first `size` bytes. follows: the bytes below were copied before. */
static void note_copy(size_t size, bool follows)
{
    size_t step = now.may & WRITTEN_MAY_EXECUTE ? 1 : sizeof(uintptr_t), below = sizeof(uintptr_t) - 1;
    if (step == 1 && follows)
        note_words(copy.at - below, size + below, step);
    else
        note_words(copy.at, size, step);
    if (size >= sizeof copy.below)
        memcpy(copy.below, copy.at + size - sizeof copy.below, sizeof copy.below);
}

/* Note the words of memory that is read by copying. peek stops at the first page that permits no reading:
 * that one is copied alone. A page that is unmapped by then holds no root. */
static void note_copied(uintptr_t from, uintptr_t to)
{
    bool follows = false;
    while (from < to && !now.failed) {
        size_t size = to - from < sizeof copy.at ? to - from : sizeof copy.at;
        size_t page = OS_PAGE - from % OS_PAGE;
        size_t got = now.may & WRITTEN_MAY_READ ? peek(copy.at, from, size) : 0;
        enum written_copied copied = WRITTEN_COPIED;
        if (got == 0) {
            got = page < size ? page : size;
            copied = written_copy(copy.at, from, got);
        }
        if (copied == WRITTEN_COPIED)
            note_copy(got, follows);
        follows = copied == WRITTEN_COPIED && got >= sizeof copy.below;
        now.failed |= copied == WRITTEN_REFUSED;
        from += got;
    }
}

/* Code that was compiled at run time has addresses in its instructions, at any byte. */
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
    now.failed |= !mapped_each_range(from, to, now.may, range);
}

static void add_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    uintptr_t low, high;
    now.may = may;
    while (from < to && unused_next(from, to, &low, &high)) {
        if (low > from)
            own_subtract(from, low, add_process_part);
        from = high;
    }
    if (from < to)
        own_subtract(from, to, add_process_part);
}

/* The object stays, and what it points to. Some of its pages may permit no access: these are copied one by
 * one. */
static void add_hidden(uintptr_t from, uintptr_t to)
{
    now.may = WRITTEN_MAY_READ;
    note_words((const char *)&from, sizeof from, sizeof from);
    now.failed |= !written_each_range(from, to, 0, note_copied);
}

bool process_is_open(void)
{
    return written_is_known();
}

void process_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    now.here = here;
    now.range = range;
    now.may_vanish = world_may_unmap() || strangers_run();
    now.failed |= !unused_find();
    now.failed |= !written_each_mapping(add_mapping);
    range((uintptr_t)words.at, (uintptr_t)(words.at + words.count));
}

void process_each_hidden(void (*range)(uintptr_t from, uintptr_t to))
{
    size_t before = words.count;
    if (LIKELY(!atomic_load(&shield_hides_any)))
        return;
    collected_each_hidden(add_hidden);
    range((uintptr_t)(words.at + before), (uintptr_t)(words.at + words.count));
}

void process_begin(void)
{
    words.count = 0;
    now.failed = false;
}

bool process_was_open(void)
{
    return !now.failed;
}
