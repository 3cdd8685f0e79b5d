/* thread_roots: see thread_roots.h. */
#include "runtime/gc/roots/thread_roots.h"

#include "runtime/gc/roots/stacks.h"
#include "runtime/process/written.h"

static bool missing; /* a stack was not found since thread_roots_begin */

void thread_roots_begin(void)
{
    missing = false;
}

bool thread_roots_were_found(void)
{
    return !missing;
}

enum { STACK_MAX = 64 * 1024 * 1024 };

/* The memory around an address that may be read and written, without a hole; used during one look_around. */
static struct {
    uintptr_t inside, from, to;
    uintptr_t run_from, run_to; /* the present sequence of mappings that touch each other */
} around;

static void note_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    const unsigned both = WRITTEN_MAY_READ | WRITTEN_MAY_WRITE;
    if ((may & both) != both)
        return;
    if (from != around.run_to)
        around.run_from = from;
    around.run_to = to;
    if (around.inside >= around.run_from && around.inside < to) {
        around.from = around.run_from;
        around.to = to;
    }
}

static bool look_around(uintptr_t inside)
{
    around.inside = around.from = around.to = inside;
    around.run_from = around.run_to = 0;
    return written_each_mapping(note_mapping);
}

/* Only pages that were touched are scanned: a mapped file may end before its mapping does. */
static void add_touched(uintptr_t from, uintptr_t to, void (*range)(uintptr_t from, uintptr_t to))
{
    if (!written_each_range(from, to, WRITTEN_MAY_READ, range))
        range(from, to);
}

/* All of the stack, since it is not known how far down it is in use. */
static void add_all_of_own_stack(uintptr_t to, void (*range)(uintptr_t from, uintptr_t to))
{
    missing |= !look_around(to - 8);
    add_touched(around.from > to - STACK_MAX ? around.from : to - STACK_MAX, to, range);
}

/* A stack that was not registered. */
static void add_foreign_stack(uintptr_t from, void (*range)(uintptr_t from, uintptr_t to))
{
    missing |= !look_around(from);
    add_touched(from, around.to < from + STACK_MAX ? around.to : from + STACK_MAX, range);
}

/* Is `from` on the thread's own stack, which ends at `to`: is there no hole between the two? The mappings are
 * read only if the stack is deeper than ever before. */
static bool is_on_own_stack(heap_t *heap, uintptr_t from, uintptr_t to)
{
    if (from > to || to - from >= STACK_MAX)
        return false;
    if (from < heap->thread.stack_low && look_around(to - 8))
        heap->thread.stack_low = around.from;
    return from >= heap->thread.stack_low || heap->thread.stack_low == to;
}

/* The stack that the thread is on, and the one that it left or was interrupted on: see stacks.h. If it
 * has announced a stack and is not on it, the registers that were saved when that stack was left are roots,
 * too. */
void thread_roots_stacks(heap_t *heap, uintptr_t from, uintptr_t to,
                         void (*range)(uintptr_t from, uintptr_t to))
{
    const weir_gc_stack *on = stacks_around(from);
    weir_gc_stack *said = heap->thread.coroutine;
    if (said && said != on) {
        stacks_around(said->low);
        range(said->low, said->high);
        stacks_registers(&said->frame, range);
    }
    if (!on && is_on_own_stack(heap, from, to)) {
        range(from, to);
        return;
    }
    if (on)
        range(from, on->high);
    else
        add_foreign_stack(from, range);
    if (said)
        range(heap->thread.left.from, to);
    else
        add_all_of_own_stack(to, range);
    stacks_registers(&heap->thread.left, range);
}

/* The registers that are not on the stack: those that the stop has saved, and those saved by a blocking
 * section. */
void thread_roots_registers(const heap_t *heap, void (*range)(uintptr_t from, uintptr_t to))
{
    range(heap->thread.registers_from, heap->thread.registers_to);
    stacks_registers(&heap->thread.blocked, range);
}
