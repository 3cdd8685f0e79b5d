/* stop_by: see stop_by.h. */
#include "runtime/threads/stop_by.h"

#include <stdatomic.h>

#include "runtime/config/options.h"
#include "runtime/os/mask.h"
#include "runtime/stop/signal.h"
#include "runtime/threads/stop_choice.h"
#include "runtime/threads/world.h"

static __thread uint64_t inherited;

static bool has(uint64_t set, int number)
{
    return stop_choice_has(set, number);
}

/* The heap of the calling thread, if it can be stopped. */
static heap_t *own_heap(void)
{
    return options.collect && !world_is_child() ? cache.heap : NULL;
}

void stop_by_begin(heap_t *heap)
{
    heap->thread.hides_signal = false;
    heap->thread.stop_signal = (uint8_t)os_stop_signal();
    if (!options.collect || cache.ended)
        return;
    uint64_t blocked = os_blocked_signals();
    heap->thread.hides_signal = inherited && inherited == blocked; /* it may have a mask of its own */
    int number = stop_choice_for(blocked);
    heap->thread.stop_signal = (uint8_t)number;
    if (has(blocked, number) && os_stop_signal_is_used()) {
        heap->thread.hides_signal = true; /* as in the C library's threads for timers */
        os_unblock_signal(number);
    }
}

static bool is_hiding(void)
{
    const heap_t *heap = own_heap();
    return heap && heap->thread.hides_signal;
}

uint64_t stop_by_bequeath(void)
{
    return is_hiding() ? os_blocked_signals() : 0;
}

void stop_by_inherit(uint64_t mask)
{
    inherited = mask;
}

bool stop_by_is_heeded(void)
{
    return own_heap() != NULL;
}

/* The mask says which: it may be an older one, that a signal handler returned to. */
int stop_by_hidden(uint64_t blocked)
{
    int usual = os_stop_signal(), other = os_other_stop_signal(usual);
    if (!is_hiding() || has(blocked, usual) == has(blocked, other))
        return 0;
    return has(blocked, usual) ? other : usual;
}

static void stand_if_asked(const heap_t *heap)
{
    if (atomic_load(&world_stopping) && cache.no_stop == 0 && !atomic_load(&heap->thread.parked))
        world_park();
}

/* From now on the calling thread is stopped by this signal. A stop that is under way may have read what was
 * there before. The thread takes part in it while that signal is open, so that none is left pending. */
static void change(heap_t *heap, int number)
{
    if (heap->thread.stop_signal == number)
        return;
    atomic_store(&heap->thread.stop_signal, (uint8_t)number);
    stand_if_asked(heap);
}

uint64_t stop_by_block(uint64_t wanted)
{
    heap_t *heap = own_heap();
    if (!heap)
        return wanted;
    int number = has(wanted, heap->thread.stop_signal) ? stop_choice_for(wanted) : heap->thread.stop_signal;
    bool hides = has(wanted, number) && os_stop_signal_is_used();
    change(heap, number);
    heap->thread.hides_signal = hides;
    return hides ? wanted & ~OS_SIGNAL(number) : wanted;
}

/* Nothing is hidden meanwhile: a signal handler gets what is sent. */
stop_by_t stop_by_block_begin(uint64_t *wanted)
{
    heap_t *heap = own_heap();
    if (!heap)
        return (stop_by_t){0, false};
    stop_by_t before = {heap->thread.stop_signal, heap->thread.hides_signal};
    *wanted = stop_by_block(*wanted);
    heap->thread.hides_signal = false;
    return before;
}

void stop_by_block_end(stop_by_t before)
{
    heap_t *heap = own_heap();
    if (!heap || !before.signal)
        return;
    heap->thread.hides_signal = before.hides;
    change(heap, before.signal);
}

bool stop_by_took(const siginfo_t *info)
{
    const heap_t *heap = own_heap();
    enum os_sender sender = os_is_stop_signal(info->si_signo) ? os_sender_of(info) : OS_NOT_SENT;
    bool is_taken = heap && (sender == OS_SENT || (sender == OS_PERHAPS_SENT && !world_admits()));
    if (is_taken)
        stand_if_asked(heap);
    return is_taken;
}

/* If the thread blocks both, and hides the one that is used now, they change places. */
void stop_by_use(uint64_t alone)
{
    heap_t *heap = own_heap();
    int number = heap ? heap->thread.stop_signal : os_stop_signal(), other = os_other_stop_signal(number);
    if (has(alone, number) == has(alone, other))
        return;
    stop_choice_use(alone);
    if (!heap || !has(alone, number))
        return;
    uint64_t blocked = os_blocked_signals();
    if (stop_by_hidden(blocked) == number)
        os_restore_signals(stop_by_block(blocked | OS_SIGNAL(number)));
    else if (!has(blocked, other))
        change(heap, other);
}

/* What can be read of both is not what stops this thread. */
uint64_t stop_by_read(uint64_t wanted)
{
    const heap_t *heap = own_heap();
    int number = heap ? heap->thread.stop_signal : os_stop_signal(), other = os_other_stop_signal(number);
    stop_by_use(wanted);
    if (!heap || !os_stop_signal_is_used() || !has(wanted, number) || !has(wanted, other))
        return wanted;
    stop_choice_read_for_both(OS_SIGNAL(other));
    return wanted & ~OS_SIGNAL(number);
}

uint64_t stop_by_handler_mask(uint64_t wanted)
{
    return options.collect && os_stop_signal_is_used() ? wanted & ~OS_SIGNAL(stop_choice_for(~UINT64_C(0)))
                                                       : wanted;
}

bool stop_by_hide(void)
{
    heap_t *heap = cache.heap;
    bool before = heap && heap->thread.hides_signal;
    if (heap)
        heap->thread.hides_signal = true;
    os_unblock_signal(heap ? heap->thread.stop_signal : os_stop_signal());
    return before;
}

void stop_by_unhide(bool before)
{
    if (cache.heap)
        cache.heap->thread.hides_signal = before;
}
