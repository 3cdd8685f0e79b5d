/* tend: see tend.h. */
#include "runtime/malloc/tend.h"

#include <string.h>

#include "runtime/base/filter.h"
#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"
#include "runtime/config/options.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/span.h"
#include "runtime/malloc/spare.h"
#include "runtime/process/asleep.h"
#include "runtime/threads/bias.h"
#include "runtime/threads/tend_queue.h"
#include "runtime/threads/world.h"

/* --- the tender's side: all of it under the lock of the heaps --- */

/* An owner that waits for its bias may have freed the cell that a full span waited for, and not yet called
 * span_event. */
static void run_missed_events(heap_t *heap)
{
    for (uint32_t slot = heap->spans; slot; slot = span_of_slot(slot)->all_next) {
        span_t *span = span_of_slot(slot);
        if (span->state == SPAN_FULL && span->frees_until_event == 0)
            span_event(span);
    }
}

/* Giving pages back takes many system calls. The tender stops if the owner waits for its bias, or another
 * thread for the lock of the heaps. */
static bool is_awaited(const heap_t *heap)
{
    return atomic_load_explicit(&heap->bias, memory_order_relaxed) == BIAS_AWAITED ||
           lock_is_wanted(&heaps.lock);
}

/* Do what the owner does at its end, except that it keeps the heap. False: stopped before the end. */
static bool give_back_all(heap_t *heap)
{
    remote_flush(heap);
    remote_drain(heap);
    span_release_empty(heap);
    spare_release(heap);
    return hollow_heap(heap, is_awaited);
}

/* The owner changes these meanwhile: a guess. */
__attribute__((no_sanitize("thread"))) static bool is_worth_it(const heap_t *heap)
{
    if (atomic_load_explicit(&heap->inbox, memory_order_relaxed))
        return true;
    for (uint32_t i = 0; i < OUTBOX_SIZE; i++)
        if (heap->outbox[i].first)
            return true;
    if (heap->spare.share)
        return true;
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        if (heap->active[cls] || heap->partial[cls])
            return true;
    return false;
}

/* The bias is revoked, and the owner is in no slow path. True: there is nothing left to give back. */
static bool tend_revoked(heap_t *heap)
{
    if (!is_worth_it(heap))
        return true;
    bias_close_fast_paths(heap);
    fence_cold();
    bool asleep = asleep_is(heap->thread.id, heap->thread.stack_to), done = false;
    if (asleep) {
        fence_cold();
        run_missed_events(heap);
        done = give_back_all(heap);
        fence_cold(); /* a thread that finds the fast paths open sees all of this */
    }
    if (!done)
        bias_open_fast_paths(heap);
    return done;
}

/* True: the heap is at rest. */
static bool tend(heap_t *heap)
{
    uint32_t before = atomic_exchange_explicit(&heap->bias, BIAS_REVOKED, memory_order_acquire),
             after = before;
    fence_cold();
    if (!atomic_load_explicit(&heap->busy, memory_order_acquire))
        after = tend_revoked(heap) ? BIAS_RESTING : BIAS_OWNER;
    atomic_store_explicit(&heap->bias, after, memory_order_release);
    os_futex_wake_all(&heap->bias);
    return after == BIAS_RESTING;
}

/* Does the heap have another thread, which will exist as long as the caller has the lock? And may that thread
 * be asleep, if there is anything to give back? */
static bool may_be_tended(const heap_t *heap)
{
    return heap != cache.heap && heap->thread.id != HEAP_NO_THREAD && !heap->thread.ended &&
           (!is_worth_it(heap) || asleep_may_be(heap->thread.id));
}

/* Asked under the lock: a filter of system calls is installed under it too (swap/sandbox.c). */
static bool may_look(void)
{
    return filter_permits(FILTER_FENCE | FILTER_PROC | FILTER_COPY);
}

static uint64_t looks;

uint64_t tend_looks(void)
{
    return looks;
}

/* False: to be tried again. */
static bool tend_one(heap_t *heap)
{
    looks++;
    if (heap->status == HEAP_LIVE)
        return may_look() && may_be_tended(heap) && tend(heap);
    return heap->status != HEAP_ORPHAN || give_back_all(heap);
}

/* False: there is none. */
static bool tend_next(uint32_t *failures)
{
    lock_acquire(&heaps.lock);
    heap_t *heap = tend_queue_take();
    if (heap && !tend_one(heap)) {
        tend_queue_fail(heap);
        ++*failures;
    }
    lock_release(&heaps.lock);
    return heap != NULL;
}

/* Not without a fence of all threads (os/fence.h). Not in collect mode, where the bins are not in the
 * thread's cache. Not under ThreadSanitizer, which does not know what the kernel proves. */
static bool is_possible(void)
{
#ifdef __SANITIZE_THREAD__
    return false;
#else
    return fence_is_cheap() && !options.collect;
#endif
}

/* Two rounds: in the first one the heaps send each other cells, which the second one can give back. */
void tend_all(bool every)
{
    enum { FAILURES = 32 };
    uint32_t failures = 0;
    if (!is_possible())
        return;
    for (int round = 0; round < 2; round++) {
        lock_acquire(&heaps.lock);
        tend_queue_gather();
        lock_release(&heaps.lock);
        while ((every || failures < FAILURES) && tend_next(&failures))
            ;
    }
    lock_acquire(&heaps.lock);
    tend_queue_put_back();
    lock_release(&heaps.lock);
}
