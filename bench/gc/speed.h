// How fast a program goes while a collector works: its operations are timed one by one and counted in windows of 10 ms.
// bench/runner/cycles.py reads what is printed. speed.go is the same in Go.
#pragma once
#include <sys/resource.h>

#include "cycles.h"

enum { SPEED_WINDOWS = 100 }; // in a second

// All times are in seconds.
struct speed {
    double begin, last, longest; // the end of the last operation; the longest one
    double cpu, collector;       // processor time at the beginning, and the collector's part of it
    uint64_t operations;
    uint32_t *windows; // operations that ended in each; not in the measured memory
    size_t count;      // of windows
};

static inline double speed_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static inline struct speed speed_begin(double seconds)
{
    struct speed speed = {.count = (size_t)(seconds * SPEED_WINDOWS)};
    speed.windows = table_new(speed.count, sizeof *speed.windows);
    speed.collector = cycles_cpu_seconds();
    speed.cpu = speed_cpu();
    speed.begin = speed.last = now_seconds();
    return speed;
}

// An operation has ended. False: time is up.
static inline bool speed_note(struct speed *speed)
{
    double now = now_seconds();
    size_t window = (size_t)((now - speed->begin) * SPEED_WINDOWS);
    speed->operations++;
    speed->longest = now - speed->last > speed->longest ? now - speed->last : speed->longest;
    speed->last = now;
    if (window >= speed->count)
        return false;
    speed->windows[window]++;
    return true;
}

static inline void speed_print(const char *name, const struct speed *speed)
{
    double cpu = speed_cpu() - speed->cpu, collector = cycles_cpu_seconds() - speed->collector;
    report_rate(name, speed->operations, speed->last - speed->begin);
    printf("longest operation: %.3f ms\nCPU: %.3f s\n", speed->longest * 1e3, cpu);
    if (MEMORY == MEMORY_WEIR)
        printf("collector CPU: %.3f s\n", collector);
    cycles_print_row("run", speed->begin, speed->last);
    cycles_print_all("cycle", &cycles);
    cycles_print_all("stop", &stops);
    printf("windows:");
    for (size_t i = 0; i < speed->count; i++)
        printf(" %" PRIu32, speed->windows[i]);
    puts("");
}

// Calls `operate` for so many seconds.
static inline void speed_run(const char *name, double seconds,
                             void operate(void *context, random_state *random), void *context)
{
    random_state random = 42;
    struct speed speed = speed_begin(seconds);
    do
        operate(context, &random);
    while (speed_note(&speed));
    speed_print(name, &speed);
    free(speed.windows);
}
