/* world: stopping all threads that have a heap.
 *
 * The collector has every such thread suspended by a task that traces it, or asks it to stop by a signal,
 * whose handler waits until the world starts again (halt.h). A thread in the middle of a change to what the
 * collector reads says so (world_enter); so does one that has a lock of the heap or of the pages, or waits
 * for one (os/lock.h). It goes on to the end of that section, and stops there (world_leave). So a stopped
 * thread holds no such lock, and is in the middle of nothing.
 *
 *     running --suspended, or signal--> stopped --start--> running
 *     in a no-stop section: goes on --leave--> stopped
 *
 * A thread that comes while the world is stopped waits until it starts (world_admits). One that waits in the
 * kernel for long may declare it (world_block_begin): it is left alone, and stops on its way back if need be.
 *
 * This folder: threads as heaps have them: who may touch a heap, stopping all of them, their numbers, fork,
 * and the runtime's own.
 */
#ifndef WEIR_THREADS_WORLD_H
#define WEIR_THREADS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/cpu.h"
#include "runtime/cells/cache.h"

/* Stop every thread with a heap but the caller's; start them again. One stop at a time: the caller holds the
 * collector's lock, and its signals are blocked meanwhile. False: a thread could not be stopped for as long
 * as one waits; a line on stderr says which, once, and everybody runs. */
bool world_stop(void);
void world_start(void);
/* Have all threads stood still up to now? The task that traces them may be killed: then what was marked is
 * not to be trusted. */
bool world_stands(void);
/* May a thread of the stopped world still unmap memory? See halt.h. */
bool world_may_unmap(void);
/* Is this the process whose threads they are? A child of vfork has the same memory, and none of the
 * threads. */
bool world_is_ours(void);
extern _Atomic uint32_t world_stopping; /* 1 from the request to the restart */

/* No-stop sections: a stop does not fall into them; they nest. The thread has a heap. */
void world_park(void);
static inline void world_enter(void)
{
    cache.no_stop++;
    atomic_signal_fence(memory_order_seq_cst);
}
static inline void world_leave(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    if (--cache.no_stop == 0 && UNLIKELY(atomic_load_explicit(&world_stopping, memory_order_acquire)))
        world_park();
}

/* Note the caller's frame and registers. They are saved in this frame, which is gone when they are wanted: so
 * they are copied, from where it has them up to what a frame of the entry's own, between, would have saved.
 * There may be no word more above: the caller's frame may be the first of its stack. A macro, because it is
 * about the frame that it is in; of a function that is not inlined. */
#define WORLD_SAVE_FRAME(frame)                                                                              \
    do {                                                                                                     \
        saved_frame_t *saved_to = (frame);                                                                   \
        __builtin_unwind_init();                                                                             \
        const uintptr_t *saved_from = __builtin_frame_address(0);                                            \
        for (size_t saved_i = 0; saved_i < sizeof saved_to->saved / sizeof *saved_to->saved; saved_i++)      \
            saved_to->saved[saved_i] = saved_from[(ptrdiff_t)saved_i + CPU_SAVED_FROM];                      \
        saved_to->from = (uintptr_t)(saved_from + (CPU_SAVED_FROM < 0 ? CPU_SAVED_FROM : 0));                \
    } while (0)

/* The thread waits in the kernel, and touches no collected memory, until the end of the section. What it has
 * on its stack and in registers now is what the collector sees. */
void world_block_begin(void);
void world_block_end(void);

/* Around vfork and its like, by the thread that makes the child, which may do more than that in between. It
 * may be found waiting for the child in the kernel: then what it had at the beginning in registers, and all
 * of its stack, is what the collector sees. The child runs with the thread's memory and in its name, and is
 * not stopped: its sections wait until the world starts, and what it allocates is kept. The child is told
 * from the thread by the number of the process. */
void world_vfork_begin(void);
void world_vfork_end(void);
static inline bool world_is_child(void)
{
    return cache.heap && atomic_load_explicit(&cache.heap->thread.vforks, memory_order_relaxed) &&
           !world_is_ours();
}

/* world_enter where a child may come to: malloc and free of collected memory. */
void world_wait_as_child(void);
static inline void world_enter_as(const heap_t *self)
{
    world_enter();
    if (UNLIKELY(atomic_load_explicit(&self->thread.vforks, memory_order_relaxed)))
        world_wait_as_child();
}

/* What the thread's stack was made with, in bytes: for a thread that is not the first. */
void world_thread_stack_size(size_t size);

/* Of a stopped thread: [*from, *to) is what it has on its stack, registers and thread-local memory
 * included. */
void world_stack(const heap_t *heap, uintptr_t *from, uintptr_t *to);

/* The calling thread gets a heap, or gives it up, under the lock of the heaps: false if the world is being
 * stopped, then wait (without the lock) and try again. */
bool world_admits(void);
void world_wait_to_start(void);
/* The new thread's part: its number. */
void world_thread_begin(heap_t *heap);
/* It has given its heap up: no stop need wait for it. */
void world_thread_end(heap_t *heap);

/* In the child of a fork there is no other thread to be stopped. */
void world_after_fork_child(void);

#endif
