/* bench: the calls that a benchmark's body makes on itself, after Go's testing.B
 * (src/testing/benchmark.go). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/harness/harness.h"

static struct run *run_of(struct bench *b)
{
    return (struct run *)b->run;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The account is read before the clock at a start and after it at a stop: reading takes microseconds. */
void bench_start_timer(struct bench *b)
{
    struct run *run = run_of(b);
    if (run->timer_runs)
        return;
    run->timer_runs = true;
    run->counts_allocations = allocations_read(&run->at_start);
    run->started = now();
}

void bench_stop_timer(struct bench *b)
{
    struct run *run = run_of(b);
    if (!run->timer_runs)
        return;
    run->elapsed += now() - run->started;
    run->timer_runs = false;
    struct allocated at_stop;
    allocations_read(&at_stop);
    run->allocated.blocks += at_stop.blocks - run->at_start.blocks;
    run->allocated.bytes += at_stop.bytes - run->at_start.bytes;
    run->allocated.released += at_stop.released - run->at_start.released;
    run->allocated.collector_ns += at_stop.collector_ns - run->at_start.collector_ns;
}

void bench_reset_timer(struct bench *b)
{
    struct run *run = run_of(b);
    run->elapsed = 0;
    run->allocated = (struct allocated){0};
    run->metric_count = 0;
    if (run->timer_runs) {
        allocations_read(&run->at_start);
        run->started = now();
    }
}

int64_t bench_elapsed(struct bench *b)
{
    const struct run *run = run_of(b);
    return run->elapsed + (run->timer_runs ? now() - run->started : 0);
}

static bool loop_end(struct run *run)
{
    bench_stop_timer(&run->bench);
    run->bench.n = run->loop_total;
    run->bench.left = 0;
    run->loop_ended = true;
    return false;
}

/* This call itself is one of the iterations that are granted. */
static bool loop_grant(struct run *run, int64_t total)
{
    run->bench.left = total - run->loop_total - 1;
    run->loop_total = total;
    return true;
}

bool bench_loop_more(struct bench *b)
{
    struct run *run = run_of(b);
    const struct flags *flags = &run->runner->flags;
    if (run->loop_ended || run->failed || run->skipped)
        return loop_end(run);
    if (run->loop_total == 0) {
        bench_stop_timer(b);
        bench_reset_timer(b);
        bench_start_timer(b);
        return loop_grant(run, flags->iterations != 0 ? flags->iterations : 1);
    }
    int64_t elapsed = bench_elapsed(b);
    if (flags->iterations != 0 || elapsed >= flags->nanoseconds || run->loop_total >= ITERATIONS_MAX)
        return loop_end(run);
    return loop_grant(run, runner_predict(flags->nanoseconds, run->loop_total, elapsed));
}

void bench_set_bytes(struct bench *b, int64_t bytes)
{
    run_of(b)->bytes_per_iteration = bytes;
}

void bench_report_allocs(struct bench *b)
{
    run_of(b)->wants_allocations = true;
}

static bool is_unit(const char *unit)
{
    size_t length = strlen(unit);
    for (size_t i = 0; i < length; i++)
        if (isspace((unsigned char)unit[i]))
            return false;
    return length > 0 && length < UNIT_SIZE;
}

void bench_report_metric(struct bench *b, double value, const char *unit)
{
    struct run *run = run_of(b);
    if (!is_unit(unit)) {
        bench_fail(b, "\"%s\" is no unit: it is empty, holds white space, or is too long", unit);
        return;
    }
    int place = 0;
    while (place < run->metric_count && strcmp(run->metrics[place].unit, unit) != 0)
        place++;
    if (place == METRICS_MAX) {
        bench_fail(b, "more than %d metrics", (int)METRICS_MAX);
        return;
    }
    if (place == run->metric_count)
        strcpy(run->metrics[run->metric_count++].unit, unit);
    run->metrics[place].value = value;
}

void bench_describe_unit(struct bench *b, const char *unit, const char *description)
{
    if (is_unit(unit))
        report_unit(run_of(b)->runner, unit, description);
    else
        bench_fail(b, "\"%s\" is no unit", unit);
}

int bench_threads(struct bench *b)
{
    return run_of(b)->threads;
}

void bench_set_parallelism(struct bench *b, int threads)
{
    if (threads >= 1)
        run_of(b)->parallelism = threads;
}

/* The first reason counts. */
__attribute__((format(printf, 3, 0))) static void end_early(struct run *run, bool *how, const char *format,
                                                            va_list arguments)
{
    if (!run->failed && !run->skipped)
        vsnprintf(run->message, sizeof run->message, format, arguments);
    *how = true;
    run->bench.left = 0;
}

void bench_fail(struct bench *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_early(run_of(b), &run_of(b)->failed, format, arguments);
    va_end(arguments);
}

void bench_skip(struct bench *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_early(run_of(b), &run_of(b)->skipped, format, arguments);
    va_end(arguments);
}
