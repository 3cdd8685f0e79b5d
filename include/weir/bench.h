/* weir/bench.h: benchmarks as Go's package testing has them, for C and C++.
 *
 *     #include <weir/bench.h>
 *
 *     BENCH(malloc_64)
 *     {
 *         while (bench_loop(b))
 *             free(bench_keep(malloc(64)));
 *     }
 *
 * Link with -lweir-bench (pkg-config weir-bench): main comes with the library. The program prints Go's
 * benchmark format (golang.org/design/14313-benchmark-format), which `weir benchstat` and Go's benchstat
 * read:
 *
 *     BenchmarkMalloc_64-2    144811320    8.132 ns/op
 *
 * This library is separate from libweir, and weir/weir.h does not include this header: it can measure
 * programs under any malloc. docs/bench.md is the manual, with the flags.
 *
 * A struct bench belongs to the thread on which its body was called. No function here may be called from
 * another thread, except bench_next, which each worker calls with its own struct. Times are nanoseconds of
 * CLOCK_MONOTONIC.
 */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/api.h>

struct bench {
    int64_t n;    /* iterations: to run (the b.N form), or run so far by bench_loop; set by the harness */
    int64_t left; /* iterations that bench_loop may run before it reads the clock again; private */
    void *run;    /* private */
};

struct bench_worker {
    int64_t left; /* iterations left of its share, before it has to take another share; private */
    void *shared; /* private */
};

/* The function that is measured. A body that uses neither bench_loop nor b->n measures nothing; this is right
 * if it only calls bench_run. `context` is passed to it unchanged. */
typedef void bench_body(struct bench *b, void *context);
typedef void bench_parallel_body(struct bench_worker *worker, void *context);

/* One registered benchmark; made by BENCH, lives as long as the program. */
struct bench_entry {
    const char *name;
    bench_body *body;
    struct bench_entry *next; /* private */
};

WEIR_API_BEGIN

/* BENCH(name) { ... } defines and registers the benchmark "BenchmarkName": the first letter becomes upper
 * case, as the format requires. The code in the braces has `struct bench *b`. The benchmarks of a file run in
 * the order in which they are defined. */
#define BENCH(name)                                                                                          \
    static void bench_body_##name(struct bench *, void *);                                                   \
    __attribute__((constructor)) static void bench_register_##name(void)                                     \
    {                                                                                                        \
        static struct bench_entry entry = {#name, bench_body_##name, 0};                                     \
        bench_register(&entry);                                                                              \
    }                                                                                                        \
    static void bench_body_##name(struct bench *b __attribute__((unused)),                                   \
                                  void *bench_context __attribute__((unused)))

/* Add a benchmark by hand, before bench_main. The entry is kept, not copied. */
WEIR_API void bench_register(struct bench_entry *entry);

/* Parse the flags, run what they choose, print. The library's main calls it; a program with a main of its own
 * may. Returns the exit status: 0, 1 if a benchmark failed, 2 if a flag makes no sense. */
WEIR_API int bench_main(int count, char **arguments);

/* --- How often: one of two forms in a body --- */

/* True as long as another iteration is to run. The first call resets and starts the timer, so that the code
 * before it is not measured; the last call stops the timer. The body runs once per measurement. After Go
 * 1.24's B.Loop. */
WEIR_API bool bench_loop_more(struct bench *b);

static inline bool bench_loop(struct bench *b)
{
    __asm__ volatile(""); /* an empty loop stays a loop */
    return __builtin_expect(--b->left >= 0, 1) || bench_loop_more(b);
}

/* The other form is Go's b.N: for (int64_t i = 0; i < b->n; i++). The body is then called several times, with
 * growing n, and measured from its first line to its last. */

/* --- The timer --- */

/* Set the measured time, allocations and metrics to zero; a running timer goes on. After B.ResetTimer. */
WEIR_API void bench_reset_timer(struct bench *b);
/* Stop the timer, and start it again. Each pair of calls adds about 25 ns to the measured time, and takes 0.1
 * us that are not measured (2 us if weir's account is read). This is too much for every iteration of a short
 * operation. After B.StopTimer, B.StartTimer. */
WEIR_API void bench_stop_timer(struct bench *b);
WEIR_API void bench_start_timer(struct bench *b);
/* Measured nanoseconds so far. After B.Elapsed. */
WEIR_API int64_t bench_elapsed(struct bench *b);

/* --- What is reported beside ns/op --- */

/* Bytes that one iteration processes: reported as MB/s, of 10^6 bytes. After B.SetBytes. */
WEIR_API void bench_set_bytes(struct bench *b, int64_t bytes);

/* Report B/op and allocs/op, as -benchmem does for all benchmarks (and more: docs/bench.md). They count the
 * allocations of all threads, by weir's account (weir_read_mem_stats: total_alloc and mallocs): those of
 * weir_malloc and its relatives if libweir is linked, and also those of malloc if libweir-malloc is linked or
 * preloaded. In a process without weir nothing is reported. After B.ReportAllocs. */
WEIR_API void bench_report_allocs(struct bench *b);

/* Report a figure of your own. If the unit ends in "/op", the caller has to compute the value per iteration.
 * A later call with the same unit replaces the value; "ns/op", "MB/s", "B/op" and "allocs/op" replace the
 * built-in figures. `unit` is copied; it must not be empty or contain white space. After B.ReportMetric. */
WEIR_API void bench_report_metric(struct bench *b, double value, const char *unit);

/* Say how a unit is to be read, in a Unit line of the output, once per unit: "better=higher", "better=lower",
 * "assume=exact", separated by spaces. Both texts are copied. */
WEIR_API void bench_describe_unit(struct bench *b, const char *unit, const char *description);

/* --- Parts and threads --- */

/* Run a part of the benchmark under the name "parent/name", with its own measurement. ("key=value" is the
 * usual form of a name; spaces become '_'.) A body with parts is called once, and is not measured itself.
 * False if the part failed. After B.Run. */
WEIR_API bool bench_run(struct bench *b, const char *name, bench_body *body, void *context);

/* Share b->n iterations among bench_threads() threads. Each thread calls `body` once, whose loop is while
 * (bench_next(worker)). The threads start together. The time runs from their start to the end of the last
 * thread, so ns/op is wall time divided by all iterations. This belongs to the b.N form. If a thread cannot
 * be started, the benchmark fails. After B.RunParallel. */
WEIR_API void bench_run_parallel(struct bench *b, bench_parallel_body *body, void *context);
WEIR_API bool bench_next_share(struct bench_worker *worker);

static inline bool bench_next(struct bench_worker *worker)
{
    __asm__ volatile("");
    return __builtin_expect(--worker->left >= 0, 1) || bench_next_share(worker);
}

/* Until the body returns, have bench_run_parallel start `threads` times bench_threads() threads. Less than 1
 * changes nothing. After B.SetParallelism. */
WEIR_API void bench_set_parallelism(struct bench *b, int threads);

/* The present value of -cpu: how many threads bench_run_parallel starts, and the suffix of the name. It does
 * not bind threads to processors. */
WEIR_API int bench_threads(struct bench *b);

/* --- Ends --- */

/* Say that the benchmark has failed, or cannot run here. The reason is printed instead of a result. The body
 * runs on until it returns; bench_loop returns false from then on. After B.Errorf, B.Skipf. */
WEIR_API void bench_fail(struct bench *b, const char *format, ...) WEIR_ATTRIBUTE((format(printf, 2, 3)));
WEIR_API void bench_skip(struct bench *b, const char *format, ...) WEIR_ATTRIBUTE((format(printf, 2, 3)));

/* --- The sink --- */

/* These make the compiler compute the value and write all memory before this point, so it cannot remove the
 * computation. They cost no instruction, or one store. bench_keep returns the pointer in a way that hides its
 * origin from the compiler: so a pair of malloc and free is not removed. bench_keep_value takes a value of
 * any type. */
static inline void *bench_keep(const void *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return (void *)pointer;
}

#define bench_keep_value(value) __asm__ volatile("" : : "r,m"(value) : "memory")

WEIR_API_END

#endif
