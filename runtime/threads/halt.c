/* halt: see halt.h. */
#include "runtime/threads/halt.h"

#include "runtime/base/cpu.h"
#include "runtime/base/filter.h"
#include "runtime/base/futex.h"
#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/pages/pages.h"
#include "runtime/stop/tracer.h"
#include "runtime/stop/tracer_task.h"
#include "runtime/stop/tracer_thread.h"
#include "runtime/threads/stop_choice.h"

static const uint64_t STOP_TIMEOUT_NS = 2000000000u; /* for a thread that prevents the stop */
static const uint64_t PARK_NS = 4000;                /* for the next thread to park itself */
static const uint64_t MOST_NS = 10000000000u;        /* for a thread that may be waiting for a processor */
static const uint64_t AGAIN_NS = 10000000000u;       /* how long a refused tracer is not tried again */

/* Used by the collector, under its lock. */
static struct {
    tracer_thread_t *threads; /* never freed: when it grows, the old array is lost */
    size_t room, count;
    bool holds;          /* the tracer's task holds the threads */
    uint64_t not_before; /* until then threads are stopped by the signal */
    bool said;           /* that was reported */
} halt;

enum outcome { HALTED, REFUSED, GIVEN_UP };

static bool has_to_stop(const heap_t *heap)
{
    return heap != cache.heap && heap_has_thread(heap);
}

static bool stands(heap_t *heap)
{
    return atomic_load_explicit(&heap->thread.parked, memory_order_acquire);
}

static void forget(heap_t *heap)
{
    heap->thread.id = HEAP_NO_THREAD;
}

/* A thread-local variable is at the same distance from the thread pointer in every thread. */
static const void *of_thread(uintptr_t word, const void *mine)
{
    return (const char *)mine + (ptrdiff_t)(word - os_thread_word());
}

static bool is_in_section(uintptr_t word)
{
    const uint32_t *no_stop = of_thread(word, &cache.no_stop), *sections = of_thread(word, &lock_sections);
    return __atomic_load_n(no_stop, __ATOMIC_ACQUIRE) > 0 || __atomic_load_n(sections, __ATOMIC_ACQUIRE) > 0;
}

/* --- waiting, whichever means stops the threads --- */

static bool is_parent(heap_t *heap)
{
    return atomic_load(&heap->thread.vforks) && tracer_is_parent(os_process_id(), heap->thread.id);
}

/* The thread waits for its child of vfork, and counts as parked. When the child exits or becomes another
 * program, the thread stops before it runs on. A thread that blocks the stop signal, as the C library's
 * posix_spawn does, first runs on until it unblocks the signal, and unmaps the child's stack on the way: see
 * halt_has_loose_thread. */
static void accept_parent(heap_t *heap)
{
    heap->thread.stack_from = heap->thread.blocked.from;
    atomic_store(&heap->thread.waits_for_child, 1);
}

/* A child of vfork is not stopped. Wait until it has left the no-stop section that it entered before. */
static bool wait_for_children(void)
{
    uint64_t since = os_now_ns();
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        while (has_to_stop(heap) && atomic_load(&heap->thread.vforks) &&
               is_in_section(heap->thread.pointer)) {
            if (os_now_ns() - since > STOP_TIMEOUT_NS) {
                os_report_no_stop(heap->thread.id, STOP_TIMEOUT_NS,
                                  "has a child of vfork that has not stopped");
                return false;
            }
            os_yield();
        }
    return true;
}

/* Wait for the thread for a moment. *since moves on by a time in which the caller itself got no processor:
 * the thread may have got none either, so that time is not held against it. False: it does not stand yet. */
static bool wait_shortly(heap_t *heap, uint64_t *since)
{
    enum { LOOK_NS = 10 * 1000 * 1000, STALL_NS = 10 * LOOK_NS };
    uint64_t from = os_now_ns();
    if (os_futex_wait_for(&heap->thread.parked, 0, LOOK_NS))
        return true;
    uint64_t took = os_now_ns() - from;
    *since += took > STALL_NS ? took : 0;
    return false;
}

/* Wait until the thread stands still. ask: called again from time to time, since a signal may be lost if the
 * program had replaced the handler; NULL: the tracer stops threads, not the signal. *since: when the wait for
 * all threads began. */
static bool wait_for(heap_t *heap, uint64_t *since, void (*ask)(heap_t *heap))
{
    while (has_to_stop(heap) && !stands(heap)) {
        if (wait_shortly(heap, since))
            continue;
        if (is_parent(heap)) {
            accept_parent(heap);
            return true;
        }
        uint64_t waited = os_now_ns() - *since;
        if (ask && waited > STOP_TIMEOUT_NS && stop_choice_none(heap)) {
            os_report_no_stop(heap->thread.id, waited, "has blocked SIGURG and SIGWINCH, which stop it");
            return false;
        }
        if (waited > MOST_NS) {
            os_report_no_stop(heap->thread.id, waited, "has not stopped");
            return false;
        }
        if (os_thread_has_ended(heap->thread.id))
            forget(heap);
        else if (ask)
            ask(heap);
    }
    return true;
}

/* --- by the tracer --- */

static size_t count_heaps(void)
{
    size_t count = 0;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        count += has_to_stop(heap);
    return count;
}

bool halt_has_room(void)
{
    return count_heaps() <= halt.room;
}

bool halt_make_room(void)
{
    size_t wanted = count_heaps(), room = wanted + wanted / 2 + 2; /* others may come before the stop */
    if (wanted <= halt.room)
        return true;
    tracer_thread_t *threads = pages_metadata(room * sizeof *threads);
    if (!threads)
        return false;
    halt.threads = threads;
    halt.room = room;
    return true;
}

/* False: there is no room for all of them. */
static bool list_threads(void)
{
    halt.count = 0;
    for (heap_t *heap = heaps.all; heap; heap = heap->next) {
        if (!has_to_stop(heap) || stands(heap))
            continue;
        if (halt.count == halt.room)
            return false;
        tracer_thread_t *thread = &halt.threads[halt.count++];
        thread->thread = heap->thread.id;
        thread->word = heap->thread.pointer;
        thread->owner = heap;
        thread->call = &heap->thread.call;
        thread->vforks = &heap->thread.vforks;
        thread->restarts = &heap->thread.restarts;
    }
    return true;
}

/* Called when the tracer has stopped the thread, so its thread-local variables do not change. If cache.heap
 * of the thread is not thread->owner, it is a new thread, with the number and perhaps the memory of one that
 * is gone. */
static enum tracer_state judge(const tracer_thread_t *thread)
{
    heap_t *const *heap = of_thread(thread->word, &cache.heap);
    if (is_in_section(thread->word))
        return TRACER_BUSY;
    return __atomic_load_n(heap, __ATOMIC_ACQUIRE) == thread->owner ? TRACER_HELD : TRACER_GONE;
}

static enum outcome note(const tracer_thread_t *thread, uint64_t waited)
{
    heap_t *heap = thread->owner;
    switch (thread->state) {
    case TRACER_HELD:
        heap->thread.stack_from = thread->stack & ~(uintptr_t)7;
        heap->thread.registers_from = (uintptr_t)thread->registers;
        heap->thread.registers_to = (uintptr_t)(thread->registers + thread->words);
        return HALTED;
    case TRACER_REFUSED:
        if (!os_thread_has_ended(thread->thread))
            return REFUSED;
        forget(heap);
        return HALTED;
    case TRACER_GONE:
        forget(heap);
        return HALTED;
    case TRACER_PARENT:
        accept_parent(heap);
        return HALTED;
    case TRACER_BUSY:
        return HALTED;
    default:
        os_report_no_stop(thread->thread, waited, "waits in the kernel and cannot be stopped");
        return GIVEN_UP;
    }
}

static enum outcome note_all(uint64_t *since)
{
    enum outcome worst = HALTED;
    uint64_t waited = os_now_ns() - *since;
    for (size_t i = 0; i < halt.count; i++) {
        enum outcome one = note(&halt.threads[i], waited);
        worst = one > worst ? one : worst;
    }
    for (size_t i = 0; i < halt.count && worst == HALTED; i++)
        if (halt.threads[i].state == TRACER_BUSY && !wait_for(halt.threads[i].owner, since, NULL))
            worst = GIVEN_UP;
    return worst;
}

static enum outcome by_tracer(void)
{
    if (!list_threads())
        return REFUSED;
    if (halt.count == 0)
        return HALTED;
    uint64_t since = os_now_ns();
    if (!tracer_hold(halt.threads, halt.count, judge, STOP_TIMEOUT_NS))
        return REFUSED;
    halt.holds = true;
    enum outcome outcome = note_all(&since);
    if (outcome != HALTED)
        halt_end();
    return outcome;
}

/* Clears the pointers to the held threads' registers before tracer_release: from then on the threads run, and
 * write these fields themselves. */
void halt_end(void)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        atomic_store_explicit(&heap->thread.waits_for_child, 0, memory_order_relaxed);
    if (!halt.holds)
        return;
    for (size_t i = 0; i < halt.count; i++) {
        heap_t *heap = halt.threads[i].owner;
        if (halt.threads[i].state == TRACER_HELD)
            heap->thread.registers_from = heap->thread.registers_to = 0;
    }
    halt.holds = false;
    tracer_release();
}

bool halt_holds(void)
{
    return !halt.holds || tracer_holds();
}

bool halt_has_loose_thread(void)
{
    bool found = false;
    for (heap_t *heap = heaps.all; heap && !halt.holds && !found; heap = heap->next)
        found = atomic_load_explicit(&heap->thread.waits_for_child, memory_order_relaxed);
    return found;
}

/* --- by the signal --- */

static os_stop_calls_t handler = {.swap = stop_choice_swap};
static uint64_t handled; /* the stop signals whose handler is known to be installed */

/* There may be no thread to signal: one that took a heap in its last destructor ends without leaving it. */
static void ask(heap_t *heap)
{
    int number = heap->thread.stop_signal;
    if (!(handled & OS_SIGNAL(number)))
        os_on_stop_signal(number, &handler);
    handled |= OS_SIGNAL(number);
    if (!os_signal_thread(heap->thread.id, number))
        forget(heap);
}

static void ask_again(heap_t *heap)
{
    handled = 0;
    stop_choice_open(heap);
    ask(heap);
}

static bool by_signal(void (*at_signal)(const os_frame_t *frame))
{
    __atomic_store_n(&handler.stop, at_signal, __ATOMIC_RELEASE); /* a thread may yet be in the last stop's */
    handled = 0;
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (has_to_stop(heap) && !stands(heap)) {
            stop_choice_unused(heap);
            ask(heap);
        }
    uint64_t since = os_now_ns();
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (!wait_for(heap, &since, ask_again))
            return false;
    return true;
}

/* --- choosing between the two --- */

/* ThreadSanitizer delays signals until a thread may be interrupted; a tracer would interrupt it anywhere. */
static bool is_by_signal(void)
{
#ifdef __SANITIZE_THREAD__
    if (options.stop == OPTIONS_STOP_AUTO)
        return true;
#endif
    return filter_permits(FILTER_SIGNAL) && (options.stop == OPTIONS_STOP_SIGNAL ||
                                             os_now_ns() < halt.not_before || !filter_permits(FILTER_TRACE));
}

static void say_which(void)
{
    if (options.gctrace && !halt.said)
        text_say("weir: threads are stopped by SIGURG: tracing them is refused\n");
    halt.said = true;
}

/* Stop threads by the signal for a while. Then the tracer is tried again: a debugger may have detached. */
static void refuse_tracer(void)
{
    halt.not_before = os_now_ns() + AGAIN_NS;
    say_which();
}

static bool halt_threads(void (*at_signal)(const os_frame_t *frame))
{
    if (is_by_signal())
        return by_signal(at_signal);
    enum outcome outcome = by_tracer();
    if (outcome == REFUSED)
        outcome =
            by_tracer(); /* a thread that was about to end, or to exec, may not be traced for a moment */
    if (outcome != REFUSED || options.stop == OPTIONS_STOP_PTRACE || !filter_permits(FILTER_SIGNAL))
        return outcome == HALTED;
    refuse_tracer();
    return by_signal(at_signal);
}

static size_t count_running(void)
{
    size_t count = 0;
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        count += has_to_stop(heap) && !stands(heap);
    return count;
}

/* A thread that allocates parks itself when it comes to the end of a no-stop section. That is soon, and costs
 * much less than to have it stopped. So wait as long as one parks every PARK_NS. */
static void let_park(void)
{
    uint64_t until = 0;
    for (size_t before = SIZE_MAX, left; (left = count_running()) > 0; before = left) {
        uint64_t now = os_now_ns();
        if (left < before)
            until = now + PARK_NS;
        else if (now >= until)
            return;
        cpu_pause();
    }
}

bool halt_all(void (*at_signal)(const os_frame_t *frame))
{
    let_park();
    return halt_threads(at_signal) && wait_for_children();
}

void halt_after_fork_child(void)
{
    halt.holds = false;
    tracer_after_fork_child();
}
