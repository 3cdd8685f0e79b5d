/* gctrace: see gctrace.h. */
#include "runtime/gc/cycle/gctrace.h"

#include <unistd.h>

#include "runtime/control/control.h"
#include "runtime/cycle/event.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/os/os.h"

/* Two significant digits, none below a microsecond; from 10 ms on, whole milliseconds. */
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
    text_add_str(text,
                 on ? ": half of the CPU went into collecting; a limit, if set, may be exceeded\n" : "\n");
}

/* --- the listener --- */

/* A stop counts for all processors. For a concurrent trace the first and the last time are its two stops; for
 * a trace in one stop, the three times are the parts of that stop. */
static void describe_time(gctrace_cycle_t *cycle, const weir_event *event, const trace_result_t *trace)
{
    unsigned cores = event->processors;
    cycle->clock =
        (gctrace_clock_t){.stop = event->stop_ns, .mark = event->mark_ns, .finish = event->start_ns};
    if (trace->beside)
        cycle->clock =
            (gctrace_clock_t){.stop = trace->pauses[0], .mark = trace->beside_ns, .finish = trace->pauses[1]};
    cycle->cpu = (gctrace_cpu_t){
        .stop = cycle->clock.stop * cores,
        .dedicated = cycle->clock.mark * (trace->beside ? trace->beside_members : cores),
        .finish = cycle->clock.finish * cores,
    };
}

static gctrace_cycle_t describe_line(const weir_event *event, const trace_result_t *trace)
{
    gctrace_cycle_t cycle = {
        .number = event->collection,
        .cpu_percent = (unsigned)(100 * event->collector_cpu_ns / (event->available_cpu_ns | 1)),
        .heap_began = event->heap_began,
        .heap_ended = event->heap_began + trace->allocated,
        .live = event->live,
        .goal = event->goal,
        .globals = event->roots,
        .cores = event->processors,
        .forced = event->reason == WEIR_EVENT_FORCED,
    };
    describe_time(&cycle, event, trace);
    uint64_t took = cycle.clock.stop + cycle.clock.mark + cycle.clock.finish;
    cycle.began_ns = event->time_ns - took - control_started_ns();
    return cycle;
}

void gctrace_add_beside(text_t *text, uint64_t number, const gctrace_beside_t *beside)
{
    text_add_str(text, "gc ");
    text_add_u64(text, number);
    text_add_str(text, beside->young ? " young, beside the program: pages written "
                                     : " beside the program: pages written ");
    if (beside->young) {
        text_add_u64(text, beside->pages_before);
        text_add_char(text, '+');
    }
    for (uint32_t round = 0; round <= beside->rounds; round++) {
        text_add_str(text, round ? "+" : "");
        text_add_u64(text, beside->pages[round]);
    }
    text_add_str(text, ", ");
    text_add_u64(text, beside->waits);
    text_add_str(text, " waits, ");
    add_ms(text, beside->wait_ns);
    text_add_str(text, " ms\n");
}

static void add_trace(text_t *text, uint64_t number, const trace_result_t *trace)
{
    uint64_t pages[ROUNDS_MAX + 1];
    for (uint32_t round = 0; round <= trace->rounds; round++)
        pages[round] = trace->written[round] / OS_PAGE;
    gctrace_add_beside(text, number,
                       &(gctrace_beside_t){.young = trace->young,
                                           .pages_before = trace->written_before / OS_PAGE,
                                           .rounds = trace->rounds,
                                           .pages = pages,
                                           .waits = trace->waits,
                                           .wait_ns = trace->wait_ns});
}

static void print(void *context, const weir_event *event)
{
    (void)context;
    char room[GCTRACE_LINE];
    text_t text = text_on(room, sizeof room);
    if (event->kind == WEIR_EVENT_COLLECTED) {
        const trace_result_t *trace = trace_last();
        gctrace_cycle_t cycle = describe_line(event, trace);
        gctrace_add_cycle(&text, &cycle);
        if (trace->beside)
            add_trace(&text, event->collection, trace);
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
