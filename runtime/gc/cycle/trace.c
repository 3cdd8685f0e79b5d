/* trace: see trace.h. */
#include "runtime/gc/cycle/trace.h"

#include "runtime/base/futex.h"
#include "runtime/config/options.h"
#include "runtime/cycle/event.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/background.h"
#include "runtime/gc/cycle/pauses.h"
#include "runtime/gc/cycle/rescan.h"
#include "runtime/gc/cycle/waits.h"
#include "runtime/gc/cycle/watch.h"
#include "runtime/gc/debug/leaks.h"
#include "runtime/gc/debug/reftrace.h"
#include "runtime/gc/mark/work.h"
#include "runtime/gc/refs/death.h"
#include "runtime/gc/roots/mapped.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/os/os.h"
#include "runtime/policy/rounds.h"
#include "runtime/process/dirty.h"
#include "runtime/process/pinned.h"
#include "runtime/profile/origin.h"
#include "runtime/threads/world.h"

#define AS_OPTION UINT64_MAX

static struct {
    const trace_request_t *request;
    weir_event *event;
    trace_result_t *result;
    uint64_t asked, stopped; /* of the present stop */
    bool armed;              /* what is written is watched */
    bool lost;               /* it is not known what was written */
    bool kept_all;           /* keep_all: objects are marked that were not scanned */
    _Atomic bool hurry;
    _Atomic bool in_rounds; /* all that was reachable at the start is marked */
    _Atomic bool is_young;  /* the trace that is running now */
    _Atomic uint32_t brake; /* rounds.h; the thread that runs the trace writes it */
    trace_result_t last;
    _Atomic uint64_t stop_ns;   /* how long the last trace would have taken in one stop */
    _Atomic uint64_t budget_ns; /* for a stop; AS_OPTION: what the option says */
} trace = {.budget_ns = AS_OPTION};

/* --- stops --- */

/* WEIR_DEBUG=gcjitter=N: up to N microseconds, before each phase. */
static void jitter(void)
{
    static uint64_t random = 1;
    _Atomic uint32_t word = 0;
    if (LIKELY(!options.gcjitter))
        return;
    random = random * 6364136223846793005u + 1442695040888963407u;
    os_futex_wait_for(&word, 0, (random >> 33) % ((uint64_t)options.gcjitter * 1000 + 1) + 1);
}

static bool stop(void)
{
    jitter();
    roots_begin();
    event_tell(trace.event, WEIR_EVENT_STOP_BEGIN);
    trace.asked = os_now_ns();
    if (!roots_find_and_stop()) {
        roots_end();
        return false;
    }
    trace.stopped = os_now_ns();
    event_tell(trace.event, WEIR_EVENT_STOPPED);
    return true;
}

static void start_world(void)
{
    trace_result_t *result = trace.result;
    uint64_t marked = os_now_ns();
    world_start();
    uint64_t started = os_now_ns(), pause = started - trace.asked;
    roots_end();
    result->pauses[result->stops++] = pause;
    result->longest = pause > result->longest ? pause : result->longest;
    result->stop_ns += trace.stopped - trace.asked;
    result->mark_ns += marked - trace.stopped;
    result->start_ns += started - marked;
    pauses_note(PAUSES_STOPPING, trace.stopped - trace.asked);
    pauses_note(PAUSES_TOTAL, pause);
    event_tell(trace.event, WEIR_EVENT_STARTED);
    jitter();
}

/* --- with the world stopped --- */

/* Ends a trace after which nothing is freed: leaks are only looked for, or not all roots were found, or a
 * thread did not stand still. */
COLD static mark_result_t keep_all(void)
{
    mark_result_t found = mark_end();
    trace.kept_all = true;
    if (trace.request->finds_leaks && roots_were_found() && world_stands())
        leaks_look();
    found.bytes = collected_keep_all();
    return found;
}

/* Saves the caller's registers in this frame: they are scanned if the stack is scanned from here on. */
__attribute__((noinline)) static uintptr_t take_roots(void)
{
    const trace_request_t *request = trace.request;
    uintptr_t here;
    if (UNLIKELY(options.gcverify))
        reftrace_prepare();
    __builtin_unwind_init();
    uintptr_t from = (request->entered_at ? request->entered_at : CPU_FRAME_LOW(here)) & ~(uintptr_t)7;
    if (UNLIKELY(request->from != NULL))
        from = request->from->from & ~(uintptr_t)7;
    mark_roots(from);
    for (size_t i = 0; UNLIKELY(request->from != NULL) && i < ORIGIN_SAVED; i++)
        mark_word((const void *)request->from->saved[i]);
    return from;
}

/* Checks the marks. Not on a stack that is itself a collected object: what is found there changes with each
 * call made here. A concurrent trace may have marked more than is reached now. */
static void verify_trace(uintptr_t from, size_t objects, size_t black)
{
    if (LIKELY(!options.gcverify) || region_owns((const void *)from))
        return;
    if (trace.result->beside)
        reftrace_verify(from, 0, collected_count_marked(), true);
    else
        reftrace_verify(from, objects, black, false);
}

static uint32_t members_in_stop(void)
{
    return trace.request->alone ? 1 : trace.request->members;
}

/* Marks from the roots and from grey objects, and decides what is dead. */
static mark_result_t finish(size_t black)
{
    uint32_t members = members_in_stop();
    uintptr_t from = take_roots();
    mapped_take(MAPPED_ALL);
    mark_run(members);
    if (UNLIKELY(!roots_were_found() || !world_stands()))
        return keep_all();
    death_mark(members);
    if (UNLIKELY(options.leaks))
        return keep_all();
    mark_result_t found = mark_end();
    if (UNLIKELY(!world_stands()))
        return keep_all();
    collected_count_kept(&found.bytes, &found.root_bytes);
    verify_trace(from, found.objects, black);
    death_carry_out();
    return found;
}

/* What a young trace has found adds to what was live before. */
static void add_old(mark_result_t *found)
{
    size_t objects, bytes;
    collected_take_old(&objects, &bytes);
    if (!trace.result->young || trace.kept_all)
        return;
    found->bytes += bytes;
    found->objects += objects;
}

static void end_trace(mark_result_t found)
{
    trace_result_t *result = trace.result;
    result->keeps_marks =
        result->beside && trace.request->may_keep_marks && !trace.kept_all && mark_can_go_on();
    add_old(&found);
    collected_end_trace(result->keeps_marks);
    atomic_store(trace.request->live, found.bytes);
    background_traced();
    trace.result->found = found;
    trace.event->live = found.bytes;
    trace.event->live_objects = found.objects;
    trace.event->roots = found.root_bytes;
    event_tell(trace.event, WEIR_EVENT_MARKED);
}

static bool run_in_a_stop(void)
{
    if (!stop())
        return false;
    size_t black = collected_begin_trace(false);
    mark_begin();
    end_trace(finish(black));
    start_world();
    return true;
}

/* --- beside the program --- */

/* What the program has allocated during the trace counts as live, because it is marked. */
static size_t allocated_since(size_t began)
{
    size_t bytes = collected_bytes_since - began;
    return (ptrdiff_t)bytes > 0 ? bytes : 0;
}

/* What is written to pinned memory is not known. A program that uses the collector can be expected to keep a
 * second copy of a pointer; one that does not know of it cannot. */
static bool is_pinned(void)
{
    return options.collect && pinned_is_any();
}

static bool begin_beside(void)
{
    if (!stop())
        return false;
    collected_begin_trace(trace.result->young);
    mark_begin();
    mark_beside(true);
    take_roots();
    start_world();
    return true;
}

static bool ask_what_was_written(size_t *written)
{
    bool known = watch_ask(rescan, written);
    *written += mapped_ask(mark_words);
    return known;
}

/* All markers rescan, since the last stop gets shorter the less the program writes meanwhile. */
static void mark_in_rounds(void)
{
    trace_result_t *result = trace.result;
    rounds_t rounds;
    rounds_begin(&rounds, trace_budget_ns());
    watch_roots();
    mapped_scan(mark_words);
    if (result->young)
        trace.lost = !watch_ask_old(rescan, &result->written_before);
    mark_run_spare(result->members, result->beside_members);
    if (work_hastened_ns())
        result->spare_ns = os_now_ns() - work_hastened_ns();
    trace.in_rounds = true;
    for (bool more = true; more && !trace.hurry && !trace.lost;) {
        jitter();
        uint64_t began = os_now_ns(), waits = waits_begun();
        size_t *written = &result->written[result->rounds++];
        trace.lost = !ask_what_was_written(written);
        uint64_t asked = os_now_ns();
        mark_run(trace.request->members);
        uint64_t ended = os_now_ns();
        result->rounds_ns += ended - began;
        more = rounds_go_on(&rounds, *written, ended - asked, waits_begun() != waits);
        trace.brake = rounds.brake;
    }
}

/* Marks again from the beginning, because it is not known what was written. */
static mark_result_t finish_anew(void)
{
    trace.result->beside = trace.result->young = false;
    root_watch_lose(0, UINTPTR_MAX);
    size_t black = collected_begin_trace(false);
    mark_begin();
    return finish(black);
}

static mark_result_t finish_beside(void)
{
    mark_beside(false);
    mark_resume();
    size_t *written = &trace.result->written[trace.result->rounds];
    trace.lost |= is_pinned() || !watch_look(rescan, members_in_stop(), written);
    mapped_take(trace.lost ? MAPPED_ALL : MAPPED_WRITTEN);
    if (trace.lost)
        return finish_anew();
    mark_result_t found = finish(0);
    found.root_bytes += mapped_bytes();
    *written += root_watch_written();
    return found;
}

static bool run_beside(void)
{
    trace_result_t *result = trace.result;
    result->beside = true;
    trace.lost = false;
    trace.hurry = trace.in_rounds = false;
    trace.brake = 0; /* a child of fork may have its parent's */
    jitter();
    if (!begin_beside())
        return false;
    size_t began = collected_bytes_since;
    uint64_t started = os_now_ns();
    mark_written_begin();
    mark_in_rounds();
    result->beside_ns = os_now_ns() - started;
    bool stopped = stop();
    trace.brake = 0;
    if (!stopped)
        return false;
    mark_result_t found = finish_beside();
    result->allocated = allocated_since(began);
    found.bytes += result->allocated;
    end_trace(found);
    start_world();
    return true;
}

/* --- the entries --- */

uint64_t trace_budget_ns(void)
{
    uint64_t ns = atomic_load_explicit(&trace.budget_ns, memory_order_relaxed);
    return ns == AS_OPTION ? (uint64_t)options.pausebudget * 1000 : ns;
}

uint64_t trace_set_budget(uint64_t ns)
{
    uint64_t before = trace_budget_ns();
    trace.budget_ns = ns < AS_OPTION ? ns : AS_OPTION - 1;
    return before;
}

static uint32_t members_beside(uint32_t members)
{
    return members > 1 ? members / 2 : 1;
}

/* Before the first trace nothing is known but the heap's size. A small heap takes longer than the budget only
 * if the markers had to wait for a processor. Collect mode has to be asked: a program that writes all over
 * its memory, as python3 does with its counts of references, loses more time by faults than a stop would
 * take. */
bool trace_would_be_beside(size_t heap)
{
    enum { MIN = 4 * 1024 * 1024, FIRST_MIN = 16 * 1024 * 1024 };
    if (options.gcconcurrent == OPTIONS_CONCURRENT_OFF || options.leaks)
        return false;
    if (options.gcconcurrent == OPTIONS_CONCURRENT_ALWAYS)
        return true;
    uint64_t budget = trace_budget_ns();
    if (options.collect || (heap < MIN && budget))
        return false;
    return trace.stop_ns || !budget ? trace.stop_ns >= budget : heap >= FIRST_MIN;
}

bool trace_is_beside(size_t heap, const trace_request_t *request)
{
    return !request->finds_leaks && !request->from && trace_would_be_beside(heap);
}

void trace_note(const trace_result_t *result)
{
    trace.last = *result;
}

const trace_result_t *trace_last(void)
{
    return &trace.last;
}

uint64_t trace_progress(void)
{
    return trace.in_rounds || trace.is_young ? UINT64_MAX : mark_progress();
}

uint64_t trace_brake_ns(void)
{
    uint32_t brake = atomic_load_explicit(&trace.brake, memory_order_relaxed);
    return brake ? (uint64_t)ROUNDS_MOMENT_NS << (brake - 1) : 0;
}

void trace_hurry(void)
{
    trace.hurry = true;
}

/* How long the trace would have taken in one stop, which needs no rounds. */
static uint64_t in_one_stop_ns(const trace_result_t *result)
{
    uint64_t by_few = result->beside_ns - result->rounds_ns - result->spare_ns;
    return result->mark_ns + result->spare_ns + by_few * result->beside_members / result->members;
}

/* A young trace is possible unless memory is pinned (a device may have written to it since the last
 * trace), or the kernel no longer tells what was written. */
static bool go_on(void)
{
    return trace.request->young && collected_keeps_marks() && mark_can_go_on() && !pinned_is_any() &&
           watch_go_on();
}

/* Watch what is written. False: the trace has to be in a stop. */
static bool arm(bool beside)
{
    trace.is_young = trace.result->young = beside && go_on();
    if (trace.result->young)
        return true;
    if (watch_is_kept())
        watch_disarm();
    collected_forget_marks();
    return beside && !is_pinned() && watch_arm();
}

bool trace_run(const trace_request_t *request, bool beside, weir_event *event, trace_result_t *result)
{
    *result =
        (trace_result_t){.beside_members = members_beside(request->members), .members = request->members};
    trace.request = request;
    trace.event = event;
    trace.result = result;
    bool done = false;
    trace.kept_all = false;
    collected_hold_large(beside);
    trace.armed = arm(beside);
    if (trace.armed) {
        if (options.collect)
            mapped_watch();
        done = run_beside();
    } else {
        done = run_in_a_stop();
    }
    if (!result->young)
        trace.stop_ns = in_one_stop_ns(result);
    trace.is_young = false;
    return done;
}

/* A device may write to pinned memory until the next trace begins, and no longer have it pinned then. */
bool trace_keep(void)
{
    if (pinned_is_any()) {
        watch_disarm();
        return false;
    }
    collected_hold_large(true);
    bool kept = watch_keep();
    collected_hold_large(false);
    return kept;
}

bool trace_is_kept(void)
{
    return watch_is_kept();
}

void trace_put_away(bool for_young)
{
    if (trace.armed) {
        mapped_end();
        mark_written_end();
        if (!for_young)
            watch_disarm();
    }
    collected_hold_large(false);
    collected_back_tables();
}
