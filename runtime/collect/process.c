/* process: see process.h. */
#include "runtime/collect/process.h"

#include <stddef.h>
#include <string.h>

#include "runtime/heap/world.h"
#include "runtime/os/own.h"
#include "runtime/os/os.h"
#include "runtime/os/written.h"
#include "runtime/pages/pages.h"

/* The collector's, while the world is stopped: what the call in progress is about. */
static struct {
    uintptr_t here;
    void (*range)(uintptr_t from, uintptr_t to);
    unsigned may; /* of the mapping that is looked at */
    bool failed;
} now;

static uintptr_t stack_pointer(const heap_t *heap)
{
    uintptr_t from, to;
    world_stack(heap, &from, &to);
    return heap == cache.heap ? now.here : from;
}

/* --- stacks --- */

/* What a thread has below its stack pointer on its own stack is not in use. Where its pointer is elsewhere,
 * on a coroutine's stack or a handler's, nobody knows what is: then all of both counts. Of the first thread's
 * stack the mapping tells the lower end. */
static bool find_unused(const heap_t *heap, uintptr_t from, uintptr_t to, uintptr_t *low, uintptr_t *high)
{
    if (atomic_load(&heap->vforks)) /* its child runs there */
        return false;
    *high = stack_pointer(heap);
    *low = heap->stack_limit == 0 && heap->stack_to > from && heap->stack_to <= to ? from : heap->stack_limit;
    return *low > 0 && *low < *high && *high < heap->stack_to && *low<to && * high> from;
}

/* The lowest of them in [from, to). */
static bool next_unused(uintptr_t from, uintptr_t to, uintptr_t *low, uintptr_t *high)
{
    *low = *high = UINTPTR_MAX;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        uintptr_t one_low, one_high;
        if (world_scans(heap) && find_unused(heap, from, to, &one_low, &one_high) && one_low < *low) {
            *low = one_low;
            *high = one_high;
        }
    }
    return *low < UINTPTR_MAX;
}

/* --- pages that may not be read, and code --- */

/* The words there that may be addresses of blocks; the array is never given back. */
static struct {
    uintptr_t *at;
    size_t count, room;
} words;

static bool words_grow(void)
{
    size_t room = words.room ? 2 * words.room : 512;
    uintptr_t *at = pages_metadata(room * sizeof *at);
    if (!at)
        return false;
    if (words.count)
        memcpy(at, words.at, words.count * sizeof *at);
    words.at = at;
    words.room = room;
    return true;
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

static void note_unreadable(uintptr_t from, uintptr_t to)
{
    static char copy[OS_PAGE];
    for (; from < to && !now.failed; from += sizeof copy) {
        size_t size = to - from < sizeof copy ? to - from : sizeof copy;
        now.failed |= !written_copy(copy, from, size);
        note_words(copy, size, sizeof(uintptr_t));
    }
}

/* What compilers at run time leave has addresses in its instructions, at any byte. */
static void note_code(uintptr_t from, uintptr_t to)
{
    note_words((const char *)from, to - from, 1);
}

/* --- all that was written --- */

static void add_part(uintptr_t from, uintptr_t to)
{
    written_range *range = !(now.may & WRITTEN_MAY_READ)   ? note_unreadable
                           : now.may & WRITTEN_MAY_EXECUTE ? note_code
                                                           : now.range;
    now.failed |= !written_each_run(from, to, range);
}

static void add_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    uintptr_t low, high;
    now.may = may;
    while (from < to && next_unused(from, to, &low, &high)) {
        if (low > from)
            own_subtract(from, low, add_part);
        from = high & ~(uintptr_t)7;
    }
    if (from < to)
        own_subtract(from, to, add_part);
}

bool process_is_open(void)
{
    return written_is_known();
}

void process_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    now.here = here;
    now.range = range;
    now.failed = false;
    words.count = 0;
    now.failed |= !written_each_mapping(add_mapping);
    range((uintptr_t)words.at, (uintptr_t)(words.at + words.count));
}

bool process_was_open(void)
{
    return !now.failed;
}
