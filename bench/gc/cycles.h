// When the collector's cycles began and ended, and when it stopped the program: what weir's events say, or libgc's. The
// times are those of the monotonic clock, in seconds.
#pragma once
#include <stdatomic.h>

#include "../workloads/workload.h"
#include "memory.h"

enum { CYCLES_MAX = 1 << 14 };

struct cycles_span {
    double begin, end;
};

// The collector writes, on one thread at a time; anybody reads what `count` says is whole.
struct cycles_noted {
    struct cycles_span rows[CYCLES_MAX];
    _Atomic size_t count;
    _Atomic double begun; // the one that lasts; 0: none does
};

static struct cycles_noted cycles, stops;

static inline void cycles_end(struct cycles_noted *noted, double now)
{
    size_t count = noted->count;
    if (count < CYCLES_MAX)
        noted->rows[count] = (struct cycles_span){noted->begun, now};
    noted->count = count + 1;
    noted->begun = 0;
}

static inline void cycles_print_row(const char *name, double begin, double end)
{
    printf("%s: %.6f s to %.6f s\n", name, begin, end);
}

// The one that lasts counts as ending now.
static inline void cycles_print_all(const char *name, const struct cycles_noted *noted)
{
    size_t count = noted->count;
    double begun = noted->begun;
    if (count > CYCLES_MAX)
        fail("more cycles than there is room for");
    for (size_t i = 0; i < count; i++)
        cycles_print_row(name, noted->rows[i].begin, noted->rows[i].end);
    if (begun > 0)
        cycles_print_row(name, begun, now_seconds());
}

#if MEMORY == MEMORY_MALLOC

static inline void cycles_watch(void)
{
}

#elif MEMORY == MEMORY_LIBGC

static void cycles_note(GC_EventType event)
{
    switch (event) {
    case GC_EVENT_START:
        cycles.begun = now_seconds();
        break;
    case GC_EVENT_PRE_STOP_WORLD:
        stops.begun = now_seconds();
        break;
    case GC_EVENT_POST_START_WORLD:
        cycles_end(&stops, now_seconds());
        break;
    case GC_EVENT_END:
        cycles_end(&cycles, now_seconds());
        break;
    default:
        break;
    }
}

static inline void cycles_watch(void)
{
    GC_set_on_collection_event(cycles_note);
}

#elif MEMORY == MEMORY_WEIR
#include <weir/event.h>
#include <weir/stats.h>

// A cycle of the runtime is one of the collector only if it stops the program.
static void cycles_note(void *context, const weir_event *event)
{
    static double began;
    double now = (double)event->time_ns * 1e-9;
    (void)context;
    switch (event->kind) {
    case WEIR_EVENT_CYCLE_BEGIN:
        began = now;
        break;
    case WEIR_EVENT_STOP_BEGIN:
        cycles.begun = began;
        stops.begun = now;
        break;
    case WEIR_EVENT_STARTED:
        cycles_end(&stops, now);
        break;
    case WEIR_EVENT_COLLECTED:
        cycles_end(&cycles, now);
        break;
    default:
        break;
    }
}

static inline void cycles_watch(void)
{
    if (weir_event_listen(WEIR_EVENT_ALL, cycles_note, NULL))
        fail("no room for a listener");
}

#endif

// Processor time that collections have taken so far; 0 where nobody says.
static inline double cycles_cpu_seconds(void)
{
#if MEMORY == MEMORY_WEIR
    static weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    return (double)stats.gc_cpu_ns * 1e-9;
#else
    return 0;
#endif
}
