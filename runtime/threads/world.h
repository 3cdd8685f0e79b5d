/* world: stopping all threads that have a heap.
 *
 * The collector has every such thread suspended by a task that traces it, or asks it to stop by a signal,
 * whose handler waits until the world starts again (halt.h). A thread that is changing what the collector
 * reads is in a no-stop section (world_enter). So is a thread that has a lock of the heap or of the pages, or
 * waits for one (os/lock.h). Such a thread goes on to the end of the section and stops there (world_leave).
 * So a stopped thread holds no such lock, and has nothing half changed that the collector reads.
 *
 *     running --suspended, or signal--> stopped --start--> running
 *     in a no-stop section: goes on --leave--> stopped
 *
 * A thread that needs a heap while the world is stopped waits until it starts (world_admits). A thread that
 * is about to wait in the kernel for long may declare that (world_block_begin). It then counts as stopped; if
 * the world is stopped when it comes back, it stops there.
 *
 * This folder: the threads that heaps belong to: who may touch a heap, stopping all threads, their numbers,
 * fork, and the runtime's own threads.
 */
#ifndef WEIR_THREADS_WORLD_H
#define WEIR_THREADS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/cpu.h"
#include "runtime/cells/cache.h"

/* Stop every thread with a heap except the caller; start them again. One stop at a time: the caller holds the
 * collector's lock, and its signals are blocked meanwhile. False: a thread did not stop in time. A line on
 * stderr says which, once, and all threads run again. */
bool world_stop(void);
void world_start(void);
/* Have all threads stood still up to now? The task that traces them may be killed: then what was marked is
 * not to be trusted. */
bool world_stands(void);
/* May a thread of the stopped world still unmap memory? See halt.h. */
bool world_may_unmap(void);
/* Is this the process that the threads belong to? A child of vfork has the same memory, and none of the
 * threads. */
bool world_is_ours(void);
extern _Atomic uint32_t world_stopping; /* 1 from the request to the restart */

/* No-stop sections: a stop does not fall into them; they nest. The thread has a heap. world_park, for
 * world_leave: stand still until the world starts. */
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

/* Save the stack pointer and the callee-saved registers that the caller of this function had.
 * __builtin_unwind_init stores the registers in the current frame. That frame is gone when they are wanted,
 * so the words that hold them are copied. A public entry point between the caller and this function may have
 * saved some of them in its own frame, so the words above, where that frame is, are copied too. No more words
 * are copied: the caller's frame may be the first of its stack, with nothing above. This is a macro because
 * it is about the frame of the function that uses it, which must not be inlined. */
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

/* Called around vfork and its like by the thread that makes the child; it may do other work in between. A
 * stop may find the thread waiting in the kernel for the child. Then the collector sees the registers that
 * the thread had at the beginning, and all of its stack. The child runs with the thread's memory and the
 * thread's heap, and is not stopped: at a no-stop section it waits until the world starts, and what it
 * allocates is kept. The number of the process tells the child from the thread. */
void world_vfork_begin(void);
void world_vfork_end(void);
static inline bool world_is_child(void)
{
    return cache.heap && atomic_load_explicit(&cache.heap->thread.vforks, memory_order_relaxed) &&
           !world_is_ours();
}

/* world_enter for code that a child of vfork may run: malloc and free of collected memory. */
void world_wait_as_child(void);
static inline void world_enter_as(const heap_t *self)
{
    world_enter();
    if (UNLIKELY(atomic_load_explicit(&self->thread.vforks, memory_order_relaxed)))
        world_wait_as_child();
}

/* The size with which the calling thread's stack was made, in bytes. Not for the first thread. */
void world_thread_stack_size(size_t size);

/* Of a stopped thread: [*from, *to) is the part of its stack that is in use. It includes the thread-local
 * memory, except the first thread's. The registers may lie elsewhere (cells/thread_state.h). */
void world_stack(const heap_t *heap, uintptr_t *from, uintptr_t *to);

/* Asked under the lock of the heaps before the calling thread gets a heap. False: the world is stopped, or
 * being stopped: wait, without the lock, and ask again. */
bool world_admits(void);
void world_wait_to_start(void);
/* The calling thread gets this heap: note its number, its stack and the like. */
void world_thread_begin(heap_t *heap);
/* The calling thread has given this heap up: a stop need not wait for it any more. */
void world_thread_end(heap_t *heap);

/* In the child of a fork: there is no other thread to be stopped. */
void world_after_fork_child(void);

#endif
