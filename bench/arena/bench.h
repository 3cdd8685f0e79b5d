// The timing loop of the arena benchmarks, after Go's testing.B: a benchmark does its work n times, and n grows until
// that takes long enough. Prints Go's benchmark lines, three of each.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BENCH_ROUNDS = 3 };
static const double BENCH_NS = 2e8;

static inline double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline void bench_run(const char *name, uint64_t objects, void (*work)(uint64_t n, uint64_t argument),
                             uint64_t argument)
{
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double took = 0;
        uint64_t n = 1;
        for (;; n *= took < BENCH_NS / 100 ? 10 : 2) {
            double start = bench_now();
            work(n, argument);
            took = bench_now() - start;
            if (took >= BENCH_NS)
                break;
        }
        printf("Benchmark%s\t%10llu\t%12.3f ns/op\n", name, (unsigned long long)(n * objects),
               took / (double)(n * objects));
        fflush(stdout);
    }
}

// The compiler has to believe that the object is used.
static inline void bench_keep(const void *object)
{
    __asm__ volatile("" : : "r"(object) : "memory");
}
