/* stacks: see stacks.h. */
#include "runtime/gc/roots/stacks.h"

#include "runtime/cells/cache.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/region/extents.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

/* Under the lock of roots.h. */
static struct {
    weir_gc_stack *first;
    weir_gc_stack *unused; /* records, linked by next */
} stacks;

/* The top of a stack on which no thread has run yet, where makecontext or its like may have put something. */
enum { FIRST_FRAME = 1024 };

weir_gc_stack *stacks_add(uintptr_t low, size_t size)
{
    weir_gc_stack *stack = stacks.unused ? stacks.unused : pages_metadata(sizeof *stack);
    if (!stack)
        return NULL;
    if (stack == stacks.unused)
        stacks.unused = stack->next;
    low = (low + 7) & ~(uintptr_t)7;
    uintptr_t high = (low + size) & ~(uintptr_t)7;
    *stack = (weir_gc_stack){.low = low, .high = high, .next = stacks.first};
    stack->frame.from = size > FIRST_FRAME ? high - FIRST_FRAME : low;
    if (stacks.first)
        stacks.first->prev = stack;
    stacks.first = stack;
    return stack;
}

void stacks_remove(weir_gc_stack *stack)
{
    heap_t *self = cache.heap;
    if (self && self->thread.coroutine == stack)
        self->thread.coroutine = NULL;
    if (stack->prev)
        stack->prev->next = stack->next;
    else
        stacks.first = stack->next;
    if (stack->next)
        stack->next->prev = stack->prev;
    *stack = (weir_gc_stack){.next = stacks.unused}; /* its registers keep nothing any more */
    stacks.unused = stack;
}

/* The frame is saved first: a stop in between finds the thread still on the stack that it is leaving, and
 * ignores the saved frame. */
__attribute__((noinline, no_sanitize("address"))) void stacks_switch(weir_gc_stack *to)
{
    heap_t *self = thread_heap();
    if (!self)
        return;
    WORLD_SAVE_FRAME(self->thread.coroutine ? &self->thread.coroutine->frame : &self->thread.left);
    __atomic_store_n(&self->thread.coroutine, to, __ATOMIC_RELEASE);
}

weir_gc_stack *stacks_around(uintptr_t pointer)
{
    for (weir_gc_stack *stack = stacks.first; stack; stack = stack->next)
        if (pointer - stack->low < stack->high - stack->low) {
            stack->seen = true;
            return stack;
        }
    return NULL;
}

void stacks_registers(const saved_frame_t *frame, void (*range)(uintptr_t from, uintptr_t to))
{
    range((uintptr_t)frame->saved, (uintptr_t)(frame->saved + sizeof frame->saved / sizeof *frame->saved));
}

void stacks_begin(void)
{
    for (weir_gc_stack *stack = stacks.first; stack; stack = stack->next)
        stack->seen = false;
}

void stacks_each_suspended(void (*range)(uintptr_t from, uintptr_t to))
{
    for (const weir_gc_stack *stack = stacks.first; stack; stack = stack->next)
        if (!stack->seen) {
            range(stack->frame.from, stack->high);
            stacks_registers(&stack->frame, range);
        }
}

/* jemalloc's part has the same offset from every thread pointer: the library uses the initial-exec model. */
void stacks_own_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to)
{
    uintptr_t start;
    size_t size = extents_thread_local(&start);
    start += heap->thread.pointer - os_thread_word();
    *from = (start + 7) & ~(uintptr_t)7;
    *to = (start + size) & ~(uintptr_t)7;
}
