/* gc_roots: what the program registers as roots and stacks, which does not wait for a trace beside the
 * program; and the search for a path to an object, under the lock of the cycle, so that no trace goes on
 * meanwhile.
 */
#include <errno.h>

#include "runtime/cells/cache.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/gc_state.h"
#include "runtime/gc/debug/path.h"
#include "runtime/gc/roots/loaded.h"
#include "runtime/gc/roots/program_roots.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/os/mask.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

bool gc_add_roots(uintptr_t start, size_t size)
{
    roots_register_begin();
    bool added = program_roots_add(start, size);
    roots_register_end();
    return added;
}

void gc_remove_roots(uintptr_t start)
{
    roots_register_begin();
    program_roots_remove(start);
    roots_register_end();
}

weir_gc_stack *gc_stack_add(uintptr_t low, size_t size)
{
    roots_register_begin();
    weir_gc_stack *stack = stacks_add(low, size);
    roots_register_end();
    return stack;
}

void gc_stack_remove(weir_gc_stack *stack)
{
    roots_register_begin();
    stacks_remove(stack);
    roots_register_end();
}

static int find_path(uintptr_t here, const void *p, path_t *path)
{
    if (!gc_is_permitted() || !world_is_ours() || !roots_are_open())
        return EAGAIN;
    uint64_t signals = os_block_heard_signals();
    collected_sweep_rest();
    int error = path_find(here, p, path);
    os_restore_signals(signals);
    return error;
}

/* As in gc_run_cycle: the program's registers are in this frame. */
NOINLINE int gc_path(const void *p, path_t *path)
{
    uintptr_t here;
    __builtin_unwind_init();
    if (cache.cycling)
        return EDEADLK;
    if (!thread_heap() || !collected_is_used())
        return EINVAL;
    loaded_find_thread_local();
    lock_acquire(&gc.lock);
    int error = find_path(CPU_FRAME_LOW(here) & ~(uintptr_t)7, p, path);
    lock_release(&gc.lock);
    return error;
}
