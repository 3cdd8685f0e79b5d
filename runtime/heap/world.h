/* world: stopping all threads that have a heap.
 *
 * The collector asks every such thread to stop with a real-time signal; the handler waits there until the world
 * starts again. A thread in the middle of a change to what the collector reads says so (world_enter); then the
 * handler returns at once and the thread stops where it leaves (world_leave); so it does in one
 * that has a lock of the heap or of the pages, or waits for one (os/lock.h). So a stopped thread holds no such lock, and is
 * in the middle of nothing.
 *
 *     running --signal--> stopped --start--> running            inside: --signal--> inside --leave--> stopped
 *
 * A thread that comes while the world is stopped waits until it starts (world_admit). One that waits in the kernel
 * for long may declare it (world_block_begin): it is not signalled, and stops on its way back if need be.
 *
 * After the Boehm collector's pthread_stop_world.c, less the suspended system calls and the resends on a timer.
 */
#ifndef WEIR_HEAP_WORLD_H
#define WEIR_HEAP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/heap/cache.h"

/* Stop every thread with a heap but the caller's; start them again. One stop at a time: the caller holds the
 * collector's lock. False: a thread blocks the signal for longer than one waits; a line on stderr says which, and
 * everybody runs. */
bool world_stop(void);
void world_start(void);
extern _Atomic uint32_t world_stopping; /* 1 from the request to the restart */

/* Sections that a stop must not fall into; they nest. The thread has a heap. */
void world_park(void);
static inline void world_enter(void)
{
    cache.inside++;
    atomic_signal_fence(memory_order_seq_cst);
}
static inline void world_leave(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    if (--cache.inside == 0 && UNLIKELY(atomic_load_explicit(&world_stopping, memory_order_acquire)))
        world_park();
}

/* Note the caller's frame and registers. They are saved in this frame, which is gone when they are wanted: so they are
 * copied, from just below the frame's address up to what a frame of the entry's own, between, would have saved. There
 * may be no word more above: the caller's frame may be the first of its stack. A macro, because it is about the frame
 * that it is in; of a function that is not inlined. */
#define WORLD_MARK_HERE(mark)                                                                                \
    do {                                                                                                     \
        enum { MARK_BELOW = 8 };                                                                             \
        stack_mark_t *mark_to = (mark);                                                                      \
        __builtin_unwind_init();                                                                             \
        const uintptr_t *mark_frame = __builtin_frame_address(0);                                            \
        for (size_t mark_i = 0; mark_i < sizeof mark_to->held / sizeof *mark_to->held; mark_i++)             \
            mark_to->held[mark_i] = mark_frame[(ptrdiff_t)mark_i - MARK_BELOW];                              \
        mark_to->from = (uintptr_t)(mark_frame - MARK_BELOW);                                                \
    } while (0)

/* The thread waits in the kernel, and touches no collected memory, until the end of the section. What it has on
 * its stack and in registers now is what the collector sees. */
void world_block_begin(void);
void world_block_end(void);

/* What the thread's stack was made with, in bytes: for a thread that is not the first. */
void world_thread_stack_size(size_t size);

/* In place of a thread's number: it is gone, and its stack with it. */
enum { WORLD_NO_THREAD = 0 };

/* Is there a thread to be stopped, or the caller, whose stack is to be looked at? */
static inline bool world_scans(const heap_t *heap)
{
    return heap->status == HEAP_LIVE && heap->thread != WORLD_NO_THREAD;
}

/* Of a stopped thread: [*from, *to) is what it has on its stack, registers and thread-local memory included. */
void world_stack(const heap_t *heap, uintptr_t *from, uintptr_t *to);

/* The calling thread gets a heap, or gives it up, under the lock of the heaps: false if the world is being stopped,
 * then wait (without the lock) and try again. */
bool world_admits(void);
void world_wait_to_start(void);
/* The new thread's part: who it is. */
void world_thread_begin(heap_t *heap);
/* It has given its heap up: nobody need wait for it. */
void world_thread_end(heap_t *heap);

/* In the child of a fork nobody else is there to be stopped. */
void world_after_fork_child(void);

#endif
