/* world: see world.h. */
#include "runtime/heap/world.h"

#include <stddef.h>
#include <string.h>

#include "runtime/os/check.h"
#include "runtime/os/futex.h"
#include "runtime/os/options.h"
#include "runtime/os/signal.h"

_Atomic uint32_t world_stopping;
static _Atomic uint32_t standing; /* threads in stand_still */
static heap_t *_Atomic stopper;   /* whose thread stops the world, or has; NULL: nobody's */

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
    if (cache.heap && cache.heap != stopper && lock_sections == 0)
        stand_still(cache.heap);
}

/* A thread that the signal was not meant for: it is new, and has the number of one that is gone. Nobody waits for that one. */
static void disown(int thread)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap->status == HEAP_LIVE && heap->thread == thread) {
            heap->thread = WORLD_NO_THREAD;
            os_futex_wake(&heap->standing);
        }
}

/* At the signal, and where a section ends that put it off. A late signal may find the thread standing: then the collector
 * is at work on what it has said of its stack. */
static void stop_if_asked(void)
{
    if (cache.inside > 0 || !atomic_load(&world_stopping))
        return;
    if (!cache.heap && lock_sections == 0)
        disown(os_thread_id());
    else if (cache.heap && !atomic_load(&cache.heap->standing))
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
    if (options.collect && !cache.ended)
        os_unblock_stop_signal(); /* the C library starts threads for timers with all signals blocked */
    heap->stack = NULL;
    heap->stack_low = heap->stack_to;
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

__attribute__((noinline, no_sanitize("address"))) void world_block_begin(void)
{
    heap_t *heap = cache.heap;
    if (!heap)
        return;
    WORLD_MARK_HERE(&heap->blocked);
    heap->stack_from = heap->blocked.from;
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
    memset(heap->blocked.held, 0, sizeof heap->blocked.held);
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

/* A signal that is lost (the thread had just ended, the queue was full) is sent again after a while. A thread that does
 * not run is waited for; one that blocks the signal is not. */
static bool wait_for(heap_t *heap, uint64_t since)
{
    enum { RESEND_NS = 10 * 1000 * 1000 };
    const uint64_t patience = 2000000000u;
    while (has_to_stop(heap) && !atomic_load_explicit(&heap->standing, memory_order_acquire)) {
        if (os_futex_wait_for(&heap->standing, 0, RESEND_NS))
            continue;
        uint64_t waited = os_now_ns() - since;
        if (waited > patience && os_thread_blocks_signal(heap->thread)) {
            os_report_blocked(heap->thread, waited);
            return false;
        }
        if (os_thread_is_zombie(heap->thread))
            heap->thread = WORLD_NO_THREAD;
        else
            ask_to_stop(heap);
    }
    return true;
}

/* Those that stood for the last stop get off first: collections that follow each other closely would otherwise keep them
 * standing for ever. */
bool world_stop(void)
{
    os_on_stop_signal(stop_if_asked);
    lock_section_ended = stop_if_asked;
    for (uint32_t left; (left = atomic_load(&standing)) > 0;)
        os_futex_wait(&standing, left);
    stopper = cache.heap;
    lock_acquire(&heaps.lock);
    atomic_store(&world_stopping, 1);
    lock_release(&heaps.lock);
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (has_to_stop(heap) && !atomic_load(&heap->standing))
            ask_to_stop(heap);
    uint64_t since = os_now_ns();
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (!wait_for(heap, since)) {
            world_start();
            return false;
        }
    return true;
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
    stopper = NULL;
    if (cache.heap)
        cache.heap->thread = os_thread_id();
}
