/* gctrace: see gctrace.h. */
#include "runtime/collect/gctrace.h"

#include <unistd.h>

#include "runtime/heap/control.h"
#include "runtime/heap/event.h"
#include "runtime/os/os.h"

/* Two digits, in microseconds at the finest; from 10 ms on, whole milliseconds. */
static void add_ms(text_t *text, uint64_t ns)
{
    if (ns >= 10000000) {
        text_add_u64(text, ns / 1000000);
        return;
    }
    uint64_t digits = ns / 1000;
    if (digits == 0) {
        text_add_char(text, '0');
        return;
    }
    unsigned decimals = 3;
    for (; digits >= 100; digits /= 10)
        decimals--;
    text_add_decimal(text, digits, decimals);
}

static void add_clock(text_t *text, const gctrace_clock_t *clock)
{
    add_ms(text, clock->stop);
    text_add_char(text, '+');
    add_ms(text, clock->mark);
    text_add_char(text, '+');
    add_ms(text, clock->finish);
    text_add_str(text, " ms clock, ");
}

static void add_cpu(text_t *text, const gctrace_cpu_t *cpu)
{
    add_ms(text, cpu->stop);
    text_add_char(text, '+');
    add_ms(text, cpu->assist);
    text_add_char(text, '/');
    add_ms(text, cpu->dedicated);
    text_add_char(text, '/');
    add_ms(text, cpu->idle);
    text_add_char(text, '+');
    add_ms(text, cpu->finish);
    text_add_str(text, " ms cpu, ");
}

static void add_mb(text_t *text, uint64_t bytes, const char *after)
{
    text_add_u64(text, bytes >> 20);
    text_add_str(text, after);
}

void gctrace_add_cycle(text_t *text, const gctrace_cycle_t *cycle)
{
    text_add_str(text, "gc ");
    text_add_u64(text, cycle->number);
    text_add_str(text, " @");
    text_add_decimal(text, cycle->began_ns / 1000000, 3);
    text_add_str(text, "s ");
    text_add_u64(text, cycle->cpu_percent);
    text_add_str(text, "%: ");
    add_clock(text, &cycle->clock);
    add_cpu(text, &cycle->cpu);
    add_mb(text, cycle->heap_began, "->");
    add_mb(text, cycle->heap_ended, "->");
    add_mb(text, cycle->live, " MB, ");
    add_mb(text, cycle->goal, " MB goal, ");
    add_mb(text, cycle->stacks, " MB stacks, ");
    add_mb(text, cycle->globals, " MB globals, ");
    text_add_u64(text, cycle->cores);
    text_add_str(text, cycle->forced ? " P (forced)\n" : " P\n");
}

void gctrace_add_limiter(text_t *text, bool on, uint64_t number)
{
    text_add_str(text, on ? "gc limiter on after gc " : "gc limiter off after gc ");
    text_add_u64(text, number);
    text_add_str(text, on ? ": half of the CPU went into collecting, the limit may be exceeded\n" : "\n");
}

/* --- the listener --- */

/* The world stands still from the stop to the end, so all of it counts for all processors. */
static gctrace_cycle_t describe(const weir_event *event)
{
    uint64_t pause = event->stop_ns + event->mark_ns + event->start_ns;
    unsigned cores = event->processors;
    return (gctrace_cycle_t){
        .number = event->collection,
        .began_ns = event->time_ns - pause - control_started_ns(),
        .cpu_percent = (unsigned)(100 * event->collector_cpu_ns / (event->available_cpu_ns | 1)),
        .clock = {.stop = event->stop_ns, .mark = event->mark_ns, .finish = event->start_ns},
        .cpu = {.stop = event->stop_ns * cores,
                .dedicated = event->mark_ns * cores,
                .finish = event->start_ns * cores},
        .heap_began = event->heap_began,
        .heap_ended = event->heap_began,
        .live = event->live,
        .goal = event->goal,
        .globals = event->roots,
        .cores = cores,
        .forced = event->reason == WEIR_EVENT_FORCED,
    };
}

static void print(void *context, const weir_event *event)
{
    (void)context;
    char room[GCTRACE_LINE];
    text_t text = text_on(room, sizeof room);
    if (event->kind == WEIR_EVENT_COLLECTED) {
        gctrace_cycle_t cycle = describe(event);
        gctrace_add_cycle(&text, &cycle);
    } else {
        gctrace_add_limiter(&text, event->kind == WEIR_EVENT_LIMITER_ON, event->collection);
    }
    text_flush(&text, STDERR_FILENO);
}

void gctrace_listen(void)
{
    event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED) | WEIR_EVENT_BIT(WEIR_EVENT_LIMITER_ON) |
                     WEIR_EVENT_BIT(WEIR_EVENT_LIMITER_OFF),
                 print, NULL);
}
