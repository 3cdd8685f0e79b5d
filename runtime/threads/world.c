/* world: see world.h. */
#include "runtime/threads/world.h"

#include <stddef.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/base/range.h"
#include "runtime/cells/cache.h"
#include "runtime/os/check.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/halt.h"
#include "runtime/threads/numbers.h"

_Atomic uint32_t world_stopping;
static _Atomic uint32_t parked; /* threads between park and unpark */
static _Atomic int process; /* the one that the threads belong to; a child of vfork shares this variable */
static heap_t *_Atomic stopper; /* heap of the thread that stops the world, or did last; NULL: it has none */

/* --- the thread's side --- */

/* The caller's signals are blocked. */
static inline __attribute__((always_inline)) void park(heap_t *heap)
{
    atomic_fetch_add(&parked, 1);
    do {
        atomic_store(&heap->thread.parked, 1);
        os_futex_wake(&heap->thread.parked);
        while (atomic_load(&world_stopping))
            os_futex_wait(&world_stopping, 1);
        atomic_store(&heap->thread.parked, 0);
    } while (atomic_load(&world_stopping));
}

/* No other stop begins before all threads that parked have called this. */
static inline void unpark(void)
{
    if (atomic_fetch_sub(&parked, 1) == 1)
        os_futex_wake_all(&parked);
}

/* What the collector reads of the thread is valid while it is parked. `registers`: where they are, outside of
 * its stack; from == to: nowhere.
 *
 * A thread that goes on clears `parked` first and then looks whether the next stop has begun, because that
 * stop may have seen it parked. All signals are blocked from before anything is noted until all of it is
 * cleared. A handler may not run here, since the collector knows only of the frames above this one, and the
 * next stop waits for this thread. A signal that cancels the thread would leave its heap with the address of
 * registers on a lost stack. */
static inline __attribute__((always_inline)) void wait_parked(heap_t *heap, uintptr_t stack,
                                                              range_t registers)
{
    uint64_t signals = os_block_heard_signals();
    heap->thread.stack_from = stack;
    heap->thread.registers_from = registers.from;
    heap->thread.registers_to = registers.to;
    park(heap);
    heap->thread.registers_from = heap->thread.registers_to = 0;
    unpark();
    os_restore_signals(signals);
}

/* The collector scans from this frame upwards; the callee-saved registers are stored in it. */
__attribute__((noinline)) static void stand_still(heap_t *heap)
{
    uintptr_t here;
    __builtin_unwind_init();
    wait_parked(heap, CPU_FRAME_LOW(here) & ~(uintptr_t)(sizeof here - 1), (range_t){0, 0});
}

void world_park(void)
{
    if (cache.heap && cache.heap != stopper && lock_sections == 0 && !world_is_child())
        stand_still(cache.heap);
}

/* A thread without a heap has got the stop signal: it is new, and has the number of a thread that is gone,
 * for which the signal was meant. The stop need not wait for that one. */
static void disown(int thread)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap->status == HEAP_LIVE && heap->thread.id == thread) {
            heap->thread.id = HEAP_NO_THREAD;
            os_futex_wake(&heap->thread.parked);
        }
}

/* Called where a lock section ends: the stop may have been put off because of it. */
static void stop_if_asked(void)
{
    if (cache.no_stop > 0 || lock_sections > 0 || !atomic_load(&world_stopping))
        return;
    if (cache.heap)
        world_park();
    else
        disown(os_thread_id());
}

/* The handler of the stop signal. A thread that is interrupted in a section stops at the section's end. A
 * late signal may find the thread parked; then nothing is noted anew, since the collector reads what was
 * noted. */
static void stop_at_signal(const os_frame_t *frame)
{
    heap_t *heap = cache.heap;
    if (cache.no_stop > 0 || lock_sections > 0 || !atomic_load(&world_stopping))
        return;
    if (!heap) {
        disown(os_thread_id());
    } else if (atomic_load(&heap->thread.waits_for_child)) {
        world_wait_to_start(); /* notes nothing: the collector reads what was noted before vfork */
    } else if (heap != stopper && !atomic_load(&heap->thread.parked)) {
        wait_parked(heap, frame->stack & ~(uintptr_t)7, (range_t){frame->from, frame->to});
    }
}

void world_thread_begin(heap_t *heap)
{
    heap->thread.id = os_own_thread();
    heap_t *before = numbers_enter(heap, heap->thread.id);
    if (before)
        before->thread.id = HEAP_NO_THREAD; /* its thread is gone, and had the same number */
    heap->thread.pointer = os_thread_word();
    heap->thread.stack_to = os_stack_end();
    heap->thread.stack_limit = os_is_first_thread() ? 0 : UINTPTR_MAX;
    heap->thread.registers_from = heap->thread.registers_to = 0;
    heap->thread.call = (tracer_call_t){0}; /* a thread may have been cancelled in a call */
    heap->thread.parked = 0;
    heap->thread.vforks = 0;
    if (!process)
        process = os_process_id();
    heap->thread.coroutine = NULL;
    heap->thread.stack_low = heap->thread.stack_to;
}

void world_thread_stack_size(size_t size)
{
    heap_t *heap = cache.heap;
    if (heap && size < heap->thread.stack_to && size > OS_PAGE)
        heap->thread.stack_limit = heap->thread.stack_to - size + OS_PAGE; /* the end is known to a page */
}

void world_thread_end(heap_t *heap)
{
    if (atomic_load(&world_stopping))
        os_futex_wake(&heap->thread.parked);
}

bool world_admits(void)
{
    return !atomic_load_explicit(&world_stopping, memory_order_acquire);
}

void world_wait_to_start(void)
{
    if (world_admits())
        return;
    uint64_t mask = os_block_heard_signals(); /* as in wait_parked */
    while (!world_admits())
        os_futex_wait(&world_stopping, 1);
    os_restore_signals(mask);
}

__attribute__((noinline, no_sanitize("address"))) void world_block_begin(void)
{
    heap_t *heap = cache.heap;
    if (!heap)
        return;
    WORLD_SAVE_FRAME(&heap->thread.blocked);
    heap->thread.stack_from = heap->thread.blocked.from;
    heap->thread.registers_from = heap->thread.registers_to = 0;
    atomic_store(&heap->thread.parked, 1);
}

/* The collector may be reading what world_block_begin has noted, so this writes none of it. */
static void wait_blocked(heap_t *heap)
{
    uint64_t signals = os_block_heard_signals();
    park(heap);
    unpark();
    os_restore_signals(signals);
}

void world_block_end(void)
{
    heap_t *heap = cache.heap;
    if (!heap)
        return;
    atomic_store(&heap->thread.parked, 0);
    if (atomic_load(&world_stopping))
        wait_blocked(heap);
    memset(heap->thread.blocked.saved, 0, sizeof heap->thread.blocked.saved);
}

__attribute__((noinline, no_sanitize("address"))) void world_vfork_begin(void)
{
    heap_t *heap = thread_heap();
    if (!heap)
        return;
    WORLD_SAVE_FRAME(&heap->thread.blocked);
    cache.buffers = NULL; /* so the child allocates each block in a no-stop section */
    atomic_store(&heap->thread.vforks, 1);
}

void world_vfork_end(void)
{
    heap_t *heap = cache.heap;
    if (!heap)
        return;
    atomic_store(&heap->thread.vforks, 0);
    memset(heap->thread.blocked.saved, 0, sizeof heap->thread.blocked.saved);
}

/* Called in the no-stop section. The thread that stops the world sets world_stopping and then reads no_stop;
 * this one sets no_stop and then reads world_stopping. So at least one of them sees the other. */
void world_wait_as_child(void)
{
    if (cache.no_stop > 1)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    while (atomic_load(&world_stopping)) {
        cache.no_stop--;
        world_wait_to_start();
        cache.no_stop++;
        atomic_thread_fence(memory_order_seq_cst);
    }
}

/* --- the collector's side --- */

bool world_is_ours(void)
{
    return atomic_load(&process) == os_process_id();
}

/* Set world_stopping: from then on no thread gets a heap. False: it is not set, since more threads have come
 * than there is room for. */
static bool close_world(bool has_made_room)
{
    lock_acquire(&heaps.lock);
    bool closed = !has_made_room || halt_has_room();
    atomic_store(&world_stopping, closed);
    lock_release(&heaps.lock);
    return closed;
}

/* Waits first until the threads that parked for the last stop have gone on: otherwise collections that follow
 * each other closely would keep them parked for ever. */
bool world_stop(void)
{
    if (!world_is_ours())
        return false;
    lock_section_ended = stop_if_asked;
    for (uint32_t left; (left = atomic_load(&parked)) > 0;)
        os_futex_wait(&parked, left);
    stopper = cache.heap;
    while (!close_world(halt_make_room())) {
    }
    if (halt_all(stop_at_signal))
        return true;
    world_start();
    return false;
}

void world_start(void)
{
    atomic_store(&world_stopping, 0);
    os_futex_wake_all(&world_stopping);
    halt_end();
}

bool world_stands(void)
{
    return halt_holds();
}

bool world_may_unmap(void)
{
    return halt_has_loose_thread();
}

void world_stack(const heap_t *heap, uintptr_t *from, uintptr_t *to)
{
    *from = heap->thread.stack_from;
    *to = heap->thread.stack_to;
}

void world_after_fork_child(void)
{
    world_stopping = 0;
    parked = 0;
    stopper = NULL;
    process = os_process_id();
    halt_after_fork_child();
    if (cache.heap)
        cache.heap->thread.id = os_thread_id();
    numbers_forget_others(cache.heap, os_thread_id());
}
