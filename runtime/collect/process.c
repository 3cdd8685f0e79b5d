/* process: see process.h. */
#include "runtime/collect/process.h"

#include <stddef.h>

#include "runtime/heap/world.h"
#include "runtime/os/own.h"
#include "runtime/os/written.h"

/* The collector's, while the world is stopped: what the call in progress is about. */
static struct {
    uintptr_t here;
    void (*range)(uintptr_t from, uintptr_t to);
    bool failed;
} now;

static uintptr_t stack_pointer(const heap_t *heap)
{
    uintptr_t from, to;
    world_stack(heap, &from, &to);
    return heap == cache.heap ? now.here : from;
}

/* Where the used part of a mapping begins: several stacks may lie in it, or something else below the lowest. */
static uintptr_t used_from(uintptr_t from, uintptr_t to)
{
    uintptr_t lowest = to, limit = 0;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next) {
        uintptr_t pointer = world_scans(heap) ? stack_pointer(heap) : 0;
        if (pointer >= from && pointer < lowest) {
            lowest = pointer;
            limit = heap->stack_limit;
        }
    }
    return lowest < to && limit <= from ? lowest : from;
}

static void add_part(uintptr_t from, uintptr_t to)
{
    now.failed |= !written_each_run(from, to, now.range);
}

static void add_mapping(uintptr_t from, uintptr_t to)
{
    own_subtract(used_from(from, to) & ~(uintptr_t)7, to, add_part);
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
    now.failed |= !written_each_mapping(add_mapping);
}

bool process_was_open(void)
{
    return !now.failed;
}
