/* trace: see trace.h. */
#define _GNU_SOURCE
#include "runtime/observe/trace.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/config/options.h"
#include "runtime/cycle/event.h"
#include "runtime/observe/trace_file.h"
#include "runtime/observe/trace_record.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/purge.h"
#include "runtime/region/region.h"

enum { SAMPLE_NS = 10 * 1000 * 1000 };

/* The stops of the present collection: when it began to stop the world, when all threads stood still, when
 * marking ended (0: not in this stop), when the threads ran again. A concurrent collection has two stops.
 * Written by the collecting thread; there is one at a time. */
static struct {
    uint64_t begin, stood, marked, started;
} stops[2];
static unsigned stop_count;

/* When the cycle that this thread runs began. */
static __thread uint64_t cycle_began_ns;

static _Atomic bool is_on;
static _Atomic uint64_t sampled_ns; /* when the counters were read last */

/* --- records --- */

static text_t record_on(char *room, char phase, const char *name, uint64_t ns, int thread)
{
    text_t record = text_on(room, TRACE_RECORD);
    record_begin(&record, phase, name, ns, thread);
    return record;
}

static void record_put(text_t *record)
{
    record_end(record);
    trace_file_add(record);
}

static void put_instant(const char *name, uint64_t ns)
{
    char room[TRACE_RECORD];
    text_t record = record_on(room, 'i', name, ns, os_own_thread());
    record_put(&record);
}

static void put_slice(const char *name, uint64_t from, uint64_t to, int thread)
{
    char room[TRACE_RECORD];
    text_t record = record_on(room, 'X', name, from, thread);
    record_add_duration(&record, to - from);
    record_put(&record);
}

static void put_name(const char *kind, int thread, const char *name)
{
    char room[TRACE_RECORD];
    text_t record = record_on(room, 'M', kind, 0, thread);
    record_add_string(&record, "name", name);
    record_put(&record);
}

static uint64_t resident_bytes(void)
{
    char content[128];
    if (!file_read("/proc/self/statm", content, sizeof content))
        return 0;
    const char *resident = strchr(content, ' ');
    uint64_t pages = 0;
    for (resident += resident != NULL; resident && *resident >= '0' && *resident <= '9'; resident++)
        pages = pages * 10 + (uint64_t)(*resident - '0');
    return pages * OS_PAGE;
}

static void put_counters(uint64_t ns)
{
    char room[TRACE_RECORD];
    page_stats_t held = pages_stats();
    text_t record = record_on(room, 'C', "held", ns, TRACE_WORLD);
    record_add_number(&record, "in use", (held.pages_inuse + held.pages_slack) * OS_PAGE + held.huge_inuse);
    record_add_number(&record, "idle", held.pages_idle * OS_PAGE + held.huge_idle);
    record_add_number(&record, "tables", region_table_bytes() + held.metadata);
    record_put(&record);
    record = record_on(room, 'C', "given back", ns, TRACE_WORLD);
    record_add_number(&record, "bytes", held.released_pages * OS_PAGE);
    record_put(&record);
    record = record_on(room, 'C', "resident", ns, TRACE_WORLD);
    record_add_number(&record, "bytes", resident_bytes());
    record_put(&record);
}

/* Not more often than once in SAMPLE_NS. */
static void sample(uint64_t ns)
{
    uint64_t last = atomic_load_explicit(&sampled_ns, memory_order_relaxed);
    if (ns - last >= SAMPLE_NS && atomic_compare_exchange_strong(&sampled_ns, &last, ns))
        put_counters(ns);
}

/* --- listeners --- */

static const char *reason_of(const weir_event *event)
{
    static const char *const reasons[] = {
        [WEIR_EVENT_FORCED] = "forced", [WEIR_EVENT_GROWTH] = "growth", [WEIR_EVENT_LIMIT] = "limit"};
    return reasons[event->reason];
}

static void put_stop(unsigned i, int self)
{
    put_slice("stop", stops[i].begin, stops[i].stood, self);
    if (stops[i].marked)
        put_slice("mark", stops[i].stood, stops[i].marked, self);
    put_slice("start", stops[i].marked ? stops[i].marked : stops[i].stood, stops[i].started, self);
    put_slice("all threads stand", stops[i].stood, stops[i].started, TRACE_WORLD);
}

static void put_collection(const weir_event *event)
{
    if (stop_count == 0) /* the trace began in the middle of it */
        return;
    char room[TRACE_RECORD];
    int self = os_own_thread();
    unsigned last = stop_count - 1;
    text_t record = record_on(room, 'X', "collection", stops[0].begin, self);
    record_add_duration(&record, stops[last].started - stops[0].begin);
    record_add_number(&record, "number", event->collection);
    record_add_string(&record, "reason", reason_of(event));
    record_add_number(&record, "heap before", event->heap_began);
    record_add_number(&record, "live", event->live);
    record_add_number(&record, "objects", event->live_objects);
    record_put(&record);
    for (unsigned i = 0; i < stop_count; i++)
        put_stop(i, self);
    if (last > 0)
        put_slice("mark beside the program", stops[0].started, stops[last].begin, self);
    record = record_on(room, 'C', "collected heap", event->time_ns, TRACE_WORLD);
    record_add_number(&record, "live", event->live);
    record_put(&record);
}

static void put_goal(const weir_event *event)
{
    char room[TRACE_RECORD];
    text_t record = record_on(room, 'C', "goal", event->time_ns, TRACE_WORLD);
    record_add_number(&record, "bytes", event->goal == UINT64_MAX ? 0 : event->goal);
    record_put(&record);
}

static void put_cycle(const weir_event *event)
{
    char room[TRACE_RECORD];
    text_t record = record_on(room, 'X', "cycle", cycle_began_ns, os_own_thread());
    record_add_duration(&record, event->time_ns - cycle_began_ns);
    record_add_string(&record, "reason", reason_of(event));
    if (cycle_began_ns) /* else the trace began in the middle of it */
        record_put(&record);
    cycle_began_ns = 0;
}

/* Between STOP_BEGIN and STARTED nothing is written; only the times are noted. True: the event was one of
 * these. */
static bool note_stop(const weir_event *event)
{
    switch ((int)event->kind) {
    case WEIR_EVENT_STOP_BEGIN:
        stop_count += stop_count < 2;
        stops[stop_count - 1].begin = event->time_ns;
        stops[stop_count - 1].marked = 0;
        return true;
    case WEIR_EVENT_STOPPED:
        stops[stop_count > 1].stood = event->time_ns;
        return true;
    case WEIR_EVENT_MARKED:
        stops[stop_count > 1].marked = event->time_ns;
        return true;
    case WEIR_EVENT_STARTED:
        stops[stop_count > 1].started = event->time_ns;
        return true;
    default:
        return false;
    }
}

static void put_event(const weir_event *event)
{
    switch ((int)event->kind) {
    case WEIR_EVENT_CYCLE_BEGIN:
        cycle_began_ns = event->time_ns;
        stop_count = 0; /* forget the stops of a collection that was given up */
        break;
    case WEIR_EVENT_CYCLE_END:
        put_cycle(event);
        break;
    case WEIR_EVENT_LIMIT_REACHED:
        put_instant("limit reached", event->time_ns);
        break;
    case WEIR_EVENT_POOLS_AGED:
        put_instant("pools aged", event->time_ns);
        break;
    case WEIR_EVENT_COLLECTED:
        put_collection(event);
        stop_count = 0;
        break;
    case WEIR_EVENT_GOAL_CHANGED:
        put_goal(event);
        break;
    case WEIR_EVENT_LIMITER_ON:
        put_instant("limiter on", event->time_ns);
        break;
    case WEIR_EVENT_LIMITER_OFF:
        put_instant("limiter off", event->time_ns);
        break;
    default:
        break;
    }
}

static void on_event(void *context, const weir_event *event)
{
    (void)context;
    if (note_stop(event))
        return;
    int saved = errno;
    put_event(event);
    sample(event->time_ns);
    trace_file_flush(event->time_ns, event->kind == WEIR_EVENT_CYCLE_END);
    errno = saved;
}

/* Called by the thread that has given memory back, without the pages' lock. */
static void on_release(size_t bytes, uint64_t from, uint64_t to)
{
    int saved = errno;
    char room[TRACE_RECORD];
    text_t record = record_on(room, 'X', "release", from, os_own_thread());
    record_add_duration(&record, to - from);
    record_add_number(&record, "bytes", bytes);
    record_put(&record);
    sample(to);
    trace_file_flush(to, false);
    errno = saved;
}

/* --- the ends --- */

/* The first records of each file, of a child's too: the names of the process and of the world's track. */
static void put_names(void)
{
    record_note_process();
    put_name("process_name", TRACE_WORLD, program_invocation_short_name);
    put_name("thread_name", TRACE_WORLD, "the world");
}

static void listen_end(void)
{
    is_on = false;
    atomic_store(&purge_watch, NULL);
    event_unlisten(on_event, NULL);
}

/* If the last trace was given up because of an error (trace_file.c), its listener is still there, and is
 * removed here. */
bool trace_begin(const char *path)
{
    if (!trace_file_open(path, put_names))
        return false;
    if (is_on)
        listen_end();
    if (!event_listen(WEIR_EVENT_ALL, on_event, NULL)) {
        trace_file_close();
        errno = ENOMEM;
        return false;
    }
    is_on = true;
    atomic_store(&purge_watch, on_release);
    put_counters(os_now_ns());
    trace_file_flush(os_now_ns(), true);
    return true;
}

bool trace_end(void)
{
    bool is_open = trace_file_is_open();
    if (is_on)
        listen_end();
    if (!is_open) {
        errno = EINVAL;
        return false;
    }
    put_counters(os_now_ns());
    return trace_file_close();
}

void trace_prepare(void)
{
    if (options.trace == 0)
        return;
    int saved = errno;
    trace_begin((const char *)(intptr_t)options.trace);
    errno = saved;
}

void trace_at_exit(void)
{
    if (is_on)
        trace_end();
}
