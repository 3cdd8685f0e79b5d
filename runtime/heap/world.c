/* world: see world.h. */
#include "runtime/heap/world.h"

#include <stddef.h>
#include <string.h>

#include "runtime/os/check.h"
#include "runtime/os/futex.h"
#include "runtime/os/signal.h"

_Atomic uint32_t world_stopping;
static _Atomic uint32_t standing; /* threads in stand_still */

/* --- the thread's side --- */

/* Whoever goes on takes his mark away first and then looks whether the next stop has begun, which may have seen the mark. */
static inline __attribute__((always_inline)) void wait_marked(heap_t *heap)
{
    atomic_fetch_add(&standing, 1);
    do {
        atomic_store(&heap->standing, 1);
        os_futex_wake(&heap->standing);
        while (atomic_load(&world_stopping))
            os_futex_wait(&world_stopping, 1);
        atomic_store(&heap->standing, 0);
    } while (atomic_load(&world_stopping));
    if (atomic_fetch_sub(&standing, 1) == 1)
        os_futex_wake_all(&standing);
}

/* The collector scans from this frame upwards; the registers that a callee saves are put into it. */
__attribute__((noinline)) static void stand_still(heap_t *heap)
{
    uintptr_t here;
    __builtin_unwind_init();
    heap->stack_from = (uintptr_t)&here & ~(uintptr_t)(sizeof here - 1);
    wait_marked(heap);
}

void world_park(void)
{
    if (cache.heap)
        stand_still(cache.heap);
}

/* A late signal may find the thread standing: then the collector is at work on what it has said of its stack. */
static void on_stop_signal(void)
{
    if (cache.inside == 0 && atomic_load(&world_stopping) && cache.heap &&
        !atomic_load(&cache.heap->standing))
        world_park();
}

void world_thread_begin(heap_t *heap)
{
    heap->thread = os_thread_id();
    for (heap_t *other = heaps.all; other; other = other->next)
        if (other != heap && other->thread == heap->thread)
            other->thread = WORLD_NO_THREAD; /* its thread is gone, and had the same number */
    heap->pointer = os_thread_word();
    heap->stack_to = os_stack_end();
    heap->stack_limit = os_is_first_thread() ? 0 : UINTPTR_MAX;
    heap->standing = 0;
}

void world_thread_stack_size(size_t size)
{
    heap_t *heap = cache.heap;
    if (heap && size < heap->stack_to)
        heap->stack_limit = heap->stack_to - size;
}

void world_thread_end(heap_t *heap)
{
    if (atomic_load(&world_stopping))
        os_futex_wake(&heap->standing);
}

bool world_admits(void)
{
    return !atomic_load_explicit(&world_stopping, memory_order_acquire);
}

void world_wait_to_start(void)
{
    while (atomic_load_explicit(&world_stopping, memory_order_acquire))
        os_futex_wait(&world_stopping, 1);
}

/* This frame is gone when the section goes on, and with it the registers that were put there: they are copied, from just
 * below the frame's address, with what lies just above it (a frame of the entry's own, perhaps). */
__attribute__((noinline, no_sanitize("address"))) void world_block_begin(void)
{
    enum { BELOW = 8 };
    heap_t *heap = cache.heap;
    if (!heap)
        return;
    __builtin_unwind_init();
    const uintptr_t *frame = __builtin_frame_address(0);
    for (size_t i = 0; i < sizeof heap->held / sizeof *heap->held; i++)
        heap->held[i] = frame[(ptrdiff_t)i - BELOW];
    heap->stack_from = (uintptr_t)(frame - BELOW);
    atomic_store(&heap->standing, 1);
}

void world_block_end(void)
{
    heap_t *heap = cache.heap;
    if (!heap)
        return;
    atomic_store(&heap->standing, 0);
    if (atomic_load(&world_stopping))
        wait_marked(heap); /* what was said at the beginning holds */
    memset(heap->held, 0, sizeof heap->held);
}

/* --- the collector's side --- */

static bool has_to_stop(const heap_t *heap)
{
    return heap != cache.heap && world_scans(heap);
}

/* A thread may end without leaving its heap: it took one in the last of its destructors. */
static void ask_to_stop(heap_t *heap)
{
    if (!os_signal_thread(heap->thread))
        heap->thread = WORLD_NO_THREAD;
}

/* A signal that is lost (the thread had just ended, the queue was full) is sent again after a while. */
static void wait_for(heap_t *heap)
{
    enum { PATIENCE_NS = 10 * 1000 * 1000 };
    while (has_to_stop(heap) && !atomic_load_explicit(&heap->standing, memory_order_acquire))
        if (!os_futex_wait_for(&heap->standing, 0, PATIENCE_NS)) {
            if (os_thread_is_zombie(heap->thread))
                heap->thread = WORLD_NO_THREAD;
            else
                ask_to_stop(heap);
        }
}

/* Those that stood for the last stop get off first: collections that follow each other closely would otherwise keep them
 * standing for ever. */
void world_stop(void)
{
    os_on_stop_signal(on_stop_signal);
    for (uint32_t left; (left = atomic_load(&standing)) > 0;)
        os_futex_wait(&standing, left);
    lock_acquire(&heaps.lock);
    atomic_store(&world_stopping, 1);
    lock_release(&heaps.lock);
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (has_to_stop(heap) && !atomic_load(&heap->standing))
            ask_to_stop(heap);
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        wait_for(heap);
}

void world_start(void)
{
    atomic_store(&world_stopping, 0);
    os_futex_wake_all(&world_stopping);
}

void world_stack(const heap_t *heap, uintptr_t *from, uintptr_t *to)
{
    *from = heap->stack_from;
    *to = heap->stack_to;
}

void world_after_fork_child(void)
{
    world_stopping = 0;
    standing = 0;
    if (cache.heap)
        cache.heap->thread = os_thread_id();
}
