/* stop_choice: see stop_choice.h. */
#include "runtime/threads/stop_choice.h"

#include <stdatomic.h>

#include "runtime/base/filter.h"
#include "runtime/config/options.h"
#include "runtime/stop/signal.h"

static _Atomic uint64_t used, read_for_both;

void stop_choice_use(uint64_t set)
{
    used |= set;
}

void stop_choice_read_for_both(uint64_t set)
{
    read_for_both |= set;
}

static bool is_better(int number, int than)
{
    return stop_choice_has(used, than) && !stop_choice_has(used, number);
}

int stop_choice_for(uint64_t blocked)
{
    int usual = os_stop_signal(), other = os_other_stop_signal(usual);
    int first = is_better(other, usual) ? other : usual, second = os_other_stop_signal(first);
    return stop_choice_has(blocked, first) && !stop_choice_has(blocked, second) ? second : first;
}

/* A thread that has no heap yet counts as hiding, unless the program uses the other one. */
static bool counts_as_hiding(const heap_t *heap, int other)
{
    if (!heap)
        return options.collect && !cache.ended && !stop_choice_has(used, other);
    return heap->thread.hides_signal && !atomic_load(&heap->thread.vforks);
}

/* Not when the other one is pending, too, or is read from a descriptor: one of the two has to be open. */
bool stop_choice_swap(int number, uint64_t blocked)
{
    heap_t *heap = cache.heap;
    int other = os_other_stop_signal(number);
#ifdef __SANITIZE_THREAD__ /* it calls the handler later, when that cannot change the mask any more */
    const bool may_change = false;
#else
    const bool may_change = true;
#endif
    if (!may_change || !counts_as_hiding(heap, other) || !stop_choice_has(blocked, other) ||
        stop_choice_has(read_for_both, other) || !filter_permits(FILTER_TRACE | FILTER_SIGNAL) ||
        stop_choice_has(os_pending_signals(), other))
        return false;
    if (heap)
        atomic_store(&heap->thread.stop_signal, (uint8_t)other);
    return true;
}

bool stop_choice_none(const heap_t *heap)
{
    int number = heap->thread.stop_signal;
    uint64_t blocked = os_thread_blocked_signals(heap->thread.id);
    return stop_choice_has(blocked, number) && stop_choice_has(blocked, os_other_stop_signal(number));
}

static void take_other(heap_t *heap, bool must)
{
    int number = heap->thread.stop_signal, other = os_other_stop_signal(number);
    uint64_t blocked = os_thread_blocked_signals(heap->thread.id);
    if ((!must || stop_choice_has(blocked, number)) && !stop_choice_has(blocked, other))
        atomic_store(&heap->thread.stop_signal, (uint8_t)other);
}

void stop_choice_open(heap_t *heap)
{
    take_other(heap, true);
}

void stop_choice_unused(heap_t *heap)
{
    int number = heap->thread.stop_signal;
    if (is_better(os_other_stop_signal(number), number))
        take_other(heap, false);
}
