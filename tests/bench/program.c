/* A benchmark program for harness.sh: known allocations, a function that shows in a profile, known
 * figures. */
#include <stdlib.h>

#include <weir/bench.h>

BENCH(allocations)
{
    bench_report_allocs(b);
    void *blocks[3];
    while (bench_loop(b)) {
        for (int i = 0; i < 3; i++)
            blocks[i] = bench_keep(malloc(64));
        for (int i = 0; i < 3; i++)
            free(blocks[i]);
    }
}

__attribute__((noinline)) double busy_function(double x);

double busy_function(double x)
{
    for (int i = 0; i < 1000; i++)
        x = x * 1.0001 + 1;
    return x;
}

BENCH(busy)
{
    double x = 1;
    while (bench_loop(b))
        x = busy_function(x);
    bench_keep_value(x);
}

BENCH(metrics)
{
    bench_describe_unit(b, "image-bytes", "assume=exact");
    while (bench_loop(b))
        continue;
    bench_report_metric(b, 4096, "image-bytes");
}

BENCH(memory)
{
    enum { SIZE = 8 << 20 };
    while (bench_loop(b)) {
        char *block = bench_keep(malloc(SIZE));
        for (int i = 0; i < SIZE; i += 4096)
            block[i] = 1;
        free(bench_keep(block));
    }
}

static void count_threads(struct bench_worker *worker, void *context)
{
    __atomic_fetch_add((int *)context, 1, __ATOMIC_RELAXED);
    while (bench_next(worker))
        continue;
}

BENCH(parallelism)
{
    int threads = 0;
    bench_set_parallelism(b, 3);
    bench_set_parallelism(b, 0);
    bench_run_parallel(b, count_threads, &threads);
    bench_report_metric(b, threads, "threads");
}

BENCH(ratio)
{
    double hits = 0, tries = 0;
    while (bench_loop(b))
        continue;
    bench_report_metric(b, hits / tries, "hit-rate");
}
