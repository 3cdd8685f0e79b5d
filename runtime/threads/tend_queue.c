/* tend_queue: see tend_queue.h. */
#include "runtime/cells/cache.h"
#include "runtime/threads/tend_queue.h"

/* Linked by next_queued. */
typedef struct list {
    heap_t *first, *last;
} list_t;

static _Atomic(heap_t *) arrived; /* the latest first; taken whole */
static list_t waiting, failed;    /* under the lock */

static void append(list_t *list, heap_t *heap)
{
    heap->next_queued = NULL;
    if (list->last)
        list->last->next_queued = heap;
    else
        list->first = heap;
    list->last = heap;
}

static void append_all(list_t *list, list_t *more)
{
    if (!more->first)
        return;
    if (list->last)
        list->last->next_queued = more->first;
    else
        list->first = more->first;
    list->last = more->last;
    *more = (list_t){NULL, NULL};
}

void tend_queue_add_absent(heap_t *heap)
{
    if (atomic_exchange(&heap->queued, 1))
        return;
    heap_t *first = atomic_load_explicit(&arrived, memory_order_relaxed);
    do
        heap->next_queued = first;
    while (!atomic_compare_exchange_weak_explicit(&arrived, &first, heap, memory_order_release,
                                                  memory_order_relaxed));
}

/* In the order of their arrival. */
static list_t reversed(heap_t *latest)
{
    list_t list = {NULL, latest};
    for (heap_t *next; latest; latest = next) {
        next = latest->next_queued;
        latest->next_queued = list.first;
        list.first = latest;
    }
    return list;
}

void tend_queue_gather(void)
{
    list_t came = reversed(atomic_exchange_explicit(&arrived, NULL, memory_order_acquire));
    append_all(&waiting, &came);
}

heap_t *tend_queue_take(void)
{
    heap_t *heap = waiting.first;
    if (!heap)
        return NULL;
    waiting.first = heap->next_queued;
    if (!waiting.first)
        waiting.last = NULL;
    atomic_store(&heap->queued, 0);
    atomic_thread_fence(memory_order_seq_cst);
    return heap;
}

void tend_queue_fail(heap_t *heap)
{
    if (!atomic_exchange(&heap->queued, 1))
        append(&failed, heap);
}

void tend_queue_put_back(void)
{
    append_all(&waiting, &failed);
}

void tend_queue_after_fork_child(void)
{
    atomic_store_explicit(&arrived, NULL, memory_order_relaxed);
    waiting = failed = (list_t){NULL, NULL};
    for (heap_t *heap = heaps.all; heap; heap = heap->next) {
        atomic_store_explicit(&heap->queued, 1, memory_order_relaxed);
        if (heap->status != HEAP_LOST)
            append(&waiting, heap);
    }
}
