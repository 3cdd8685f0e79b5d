/* thread: how threads get a heap and leave it.
 *
 *   attach   at a thread's first slow path: take an idle heap if there is one, else make a new one
 *   end      in the last but one of the rounds of the thread's key destructors (os.c): lists go back into
 *            spans, chains are sent, the spans become orphans (orphans.c) and the heap idle. Destructors that
 *            still allocate after that borrow a heap per operation.
 *   fork     the child keeps the forking thread's heap. The owners of the others may have been in the middle
 *            of a change: no thread allocates from those heaps again (HEAP_LOST), and what the child frees of
 *            their cells is not reused.
 *
 * A span's owner word identifies a thread. The next thread may get the same word, so a heap that loses its
 * thread clears the words of its spans.
 */
#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/control/control.h"
#include "runtime/control/divert.h"
#include "runtime/debug/span_check.h"
#include "runtime/debug/verify.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/harden/harden.h"
#include "runtime/heap/hooks.h"
#include "runtime/malloc/heaps.h"
#include "runtime/malloc/orphans.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/span.h"
#include "runtime/malloc/spare.h"
#include "runtime/malloc/zero.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/budget.h"
#include "runtime/profile/guard.h"
#include "runtime/profile/origin.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/sampled.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"
#include "runtime/threads/fork.h"
#include "runtime/threads/numbers.h"
#include "runtime/threads/stop_by.h"
#include "runtime/threads/tend_queue.h"
#include "runtime/threads/world.h"

/* --- leaving --- */

static void heap_leave(heap_t *heap)
{
    world_enter();
    collected_thread_end(heap);
    world_leave();
    bias_enter(heap);
    remote_flush(heap);
    remote_drain(heap);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        span_deactivate(heap, cls);
    span_release_empty(heap);
    spare_release(heap);
    lock_acquire(&heaps.lock);
    bias_leave(heap); /* no other thread tends it as long as this one has the lock */
    heaps_set_owner(heap, 0);
    numbers_leave(heap);
    cache.heap = NULL;
    heap->bins = heaps_use_own_bins() ? heaps_own_bins(heap) : NULL;
    orphans_leave(heap);
    lock_release(&heaps.lock);
    world_thread_end(heap);
}

static void (*_Atomic end_hook)(void);

void thread_call_at_end(void (*hook)(void))
{
    end_hook = hook;
}

/* A stop has to reach a thread that uses collected memory as long as it runs code of the program. If more
 * destructors of the program may run on it, the thread does not leave its heap at all: the next stop of the
 * world finds out that the thread is gone. */
static bool has_to_stay(void)
{
    return cache.heap && collected_is_used() && os_thread_has_destructors();
}

/* No other thread may tend the heap from now on, because its own thread may vanish at any time. */
static void heap_stay(heap_t *heap)
{
    lock_acquire(&heaps.lock);
    heap->thread.ended = true;
    lock_release(&heaps.lock);
}

static void thread_end(void)
{
    void (*hook)(void) = end_hook;
    if (hook && cache.heap)
        hook();
    cache.ended = true;
    cache.stays = has_to_stay();
    if (cache.stays)
        heap_stay(cache.heap);
    else if (cache.heap)
        heap_leave(cache.heap);
    pages_thread_end();
}

void thread_return_borrowed(void)
{
    if (UNLIKELY(cache.ended) && cache.heap) {
        if (!cache.stays)
            heap_leave(cache.heap);
        pages_thread_end();
    }
}

/* --- coming --- */

/* Take or make a heap for the calling thread. NULL: out of memory. */
static heap_t *heap_enter(void)
{
    lock_acquire(&heaps.lock);
    while (!world_admits()) {
        lock_release(&heaps.lock);
        world_wait_to_start();
        lock_acquire(&heaps.lock);
    }
    heap_t *heap = orphans_take_heap();
    if (!heap)
        heap = heaps_make();
    if (heap) {
        heap->bins = heaps_use_own_bins() ? heaps_own_bins(heap) : cache.bins;
        heaps_set_owner(heap, options.harden ? 0 : os_thread_word());
        stop_by_begin(heap);
        world_thread_begin(heap);
        cache.heap = heap;
        heap->thread.ended = cache.ended;
        heap->status = HEAP_LIVE;
        tend_queue_add(heap);
        divert_thread_begin(heap);
        for (size_t granule = 0; granule < GRANULES; granule++)
            cache.class_of[granule] = (uint8_t)class_of(granule * 16);
    }
    lock_release(&heaps.lock);
    return heap;
}

static void call_at_forks(void);

/* Which of collecting, looking for leaks and hardening are possible together. malloc can only be collected in
 * the swap-in library, and not when hardened, where quarantine decides when a block is free. Looking for
 * leaks needs collecting: a leak is what could be collected. */
static void settle_collecting(void)
{
    if (options.collect && options.harden)
        text_say("weir: WEIR_COLLECT=1: not together with harden=1; nothing is collected\n");
    if (options.leaks && options.harden)
        text_say("weir: WEIR_DEBUG=leaks=1: not together with harden=1; no leaks are looked for\n");
    if (options.harden || !&hook_swapped_in)
        options.collect = options.leaks = 0;
    if (options.leaks)
        options.collect = 1;
}

/* The first thread that comes here starts the runtime, once per process. Before that every list is empty, so
 * every allocation takes the slow path and comes here. A thread that reads 1 in `state` goes on without the
 * lock, so `state` is written last. */
static bool runtime_start(bool *first)
{
    static _Atomic int state; /* 0 not yet, 1 started, 2 impossible; written under fork_start_lock */
    *first = false;
    if (LIKELY(atomic_load_explicit(&state, memory_order_acquire) == 1))
        return true;
    lock_acquire(&fork_start_lock);
    if (state == 0) {
        *first = true;
        options_load();
        settle_collecting();
        fence_init();
        bool has_pages = pages_init();
        guard_init();
        control_init();
        call_at_forks();
        state = has_pages ? 1 : 2;
    }
    bool started = state == 1;
    lock_release(&fork_start_lock);
    return started;
}

/* The registrations with the C library come last: they may allocate, and need the heap for that. */
COLD static heap_t *thread_start(void)
{
    if (cache.starting)
        return NULL;
    bool first;
    cache.starting = true;
    heap_t *heap = runtime_start(&first) ? heap_enter() : NULL;
    cache.starting = false;
    if (first)
        fork_handle();
    if (heap && !cache.ended)
        os_call_at_thread_exit(thread_end);
    return heap;
}

heap_t *thread_heap(void)
{
    return LIKELY(cache.heap != NULL) ? cache.heap : thread_start();
}

/* --- fork --- */

static bool before_fork(void)
{
    return lock_acquire_soon(&heaps.lock);
}

/* The lists of a vanished thread may be in the middle of a change, so its spans are found through the
 * slots. */
static void lose_vanished_threads(void)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap != cache.heap && heap->status == HEAP_LIVE)
            heap->status = HEAP_LOST;
    tend_queue_after_fork_child();
    uint32_t end = (uint32_t)(region.used >> SLOT_SHIFT);
    for (uint32_t slot = ZERO_ZONE / SLOT_SIZE; slot < end; slot++) {
        span_t *span = span_of_slot(slot);
        if (span->heap && span->heap->status == HEAP_LOST)
            __atomic_store_n(&span->owner, 0, __ATOMIC_RELAXED);
    }
    world_after_fork_child();
}

static void after_fork(bool child)
{
    if (child)
        lose_vanished_threads();
    lock_after_fork(&heaps.lock, child);
}

/* The extent allocator keeps state for every thread that has called it, as the forking thread just did. A
 * thread without a heap has no exit handler that would release that state, so it is released here. */
static void pages_after(bool child)
{
    pages_after_fork(child);
    if (!cache.heap)
        pages_thread_end();
}

static void call_at_forks(void)
{
    fork_call(LOCK_RANK_HEAPS, before_fork, after_fork);
    fork_call(LOCK_RANK_COLLECTED, collected_before_fork, collected_after_fork);
    fork_call(LOCK_RANK_ORIGIN, origin_before_fork, origin_after_fork);
    fork_call(LOCK_RANK_SAMPLED, sampled_before_fork, sampled_after_fork);
    fork_call(LOCK_RANK_BUDGET, budget_before_fork, budget_after_fork);
    fork_call(LOCK_RANK_GUARD, guard_before_fork, guard_after_fork);
    fork_call(LOCK_RANK_PROFILE, profile_before_fork, profile_after_fork);
    fork_call(LOCK_RANK_ZERO, zero_before_fork, zero_after_fork);
    fork_call(LOCK_RANK_HARDEN, harden_before_fork, harden_after_fork);
    fork_call(LOCK_RANK_PAGES, pages_before_fork, pages_after);
}
