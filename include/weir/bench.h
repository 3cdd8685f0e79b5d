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
 * This library is apart from libweir and not included by weir/weir.h: programs under any malloc can be
 * measured with it. docs/bench.md is the manual, with the flags.
 *
 * A struct bench belongs to the thread that its body was called on; no call here may be made from another
 * thread, except bench_next by each worker with its own. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/api.h>

struct bench {
    int64_t n;    /* iterations to run (the b.N form), or that bench_loop has run; set by the harness */
    int64_t left; /* of bench_loop: iterations before it has to look at the clock; private */
    void *run;    /* private */
};

struct bench_worker {
    int64_t left; /* iterations of its share before it has to take another one; private */
    void *shared; /* private */
};

/* What is measured. A body that uses neither bench_loop nor b->n measures nothing, and fits if it only calls
 * bench_run. `context` is the caller's and is passed along. */
typedef void bench_body(struct bench *b, void *context);
typedef void bench_parallel_body(struct bench_worker *worker, void *context);

/* One registered benchmark; made by BENCH, lives as long as the program. */
struct bench_entry {
    const char *name;
    bench_body *body;
    struct bench_entry *next; /* private */
};

WEIR_API_BEGIN

/* BENCH(name) { ... } defines and registers the benchmark "BenchmarkName": the first letter is put in upper
 * case, as the format asks. The braces have `struct bench *b`. Benchmarks of one file run in their order
 * there. */
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

/* True as long as another iteration is wanted. The first call starts the timer anew, so that what stands
 * before it is not measured; the last one stops it. The body runs once per measurement. After Go 1.24's
 * B.Loop. */
WEIR_API bool bench_loop_more(struct bench *b);

static inline bool bench_loop(struct bench *b)
{
    __asm__ volatile(""); /* an empty loop stays a loop */
    return __builtin_expect(--b->left >= 0, 1) || bench_loop_more(b);
}

/* The other form is Go's b.N: for (int64_t i = 0; i < b->n; i++). The body is then called several times, with
 * growing n, and measured from its first line to its last. */

/* --- The timer --- */

/* Forget time, allocations and metrics so far; a running timer goes on. After B.ResetTimer. */
WEIR_API void bench_reset_timer(struct bench *b);
/* Stop and go on. A pair of them leaves about 25 ns in the measured time, and takes 0.1 us beside it, or 2 us
 * where weir's account is read: too much for every iteration of something short. After B.StopTimer,
 * B.StartTimer. */
WEIR_API void bench_stop_timer(struct bench *b);
WEIR_API void bench_start_timer(struct bench *b);
/* Measured nanoseconds so far. After B.Elapsed. */
WEIR_API int64_t bench_elapsed(struct bench *b);

/* --- What is reported beside ns/op --- */

/* Bytes that one iteration processes: reported as MB/s, of 10^6 bytes. After B.SetBytes. */
WEIR_API void bench_set_bytes(struct bench *b, int64_t bytes);

/* Report B/op and allocs/op, as -benchmem does for all benchmarks (which reports more: docs/bench.md). They
 * are those of all threads, counted by weir's account (weir_read_mem_stats: total_alloc and mallocs): of
 * weir_malloc and its kin if libweir is linked, of malloc too if libweir-malloc is linked or preloaded. In a
 * process without weir nothing is reported. After B.ReportAllocs. */
WEIR_API void bench_report_allocs(struct bench *b);

/* A figure of one's own, per iteration if the unit ends in "/op" and computed so by the caller. A unit given
 * again replaces its value; "ns/op", "MB/s", "B/op" and "allocs/op" replace the built-in ones. `unit` is
 * copied; it must not be empty or hold white space. After B.ReportMetric. */
WEIR_API void bench_report_metric(struct bench *b, double value, const char *unit);

/* Say how a unit is to be read, in a Unit line of the output, once per unit: "better=higher", "better=lower",
 * "assume=exact", separated by spaces. Both texts are copied. */
WEIR_API void bench_describe_unit(struct bench *b, const char *unit, const char *description);

/* --- Parts and threads --- */

/* Run a part under the name "parent/name", with its own measurements ("key=value" is the usual form of a
 * name; spaces become '_'). A body with parts is called once and not measured itself. False if the part
 * failed. After B.Run. */
WEIR_API bool bench_run(struct bench *b, const char *name, bench_body *body, void *context);

/* Share b->n iterations among bench_threads() threads: each calls `body` once, whose loop is
 * while (bench_next(worker)). Threads start together; the time is that from their start to the end of the
 * last, so ns/op is wall time over all iterations. Belongs to the b.N form. A thread that cannot be started
 * fails the benchmark. After B.RunParallel. */
WEIR_API void bench_run_parallel(struct bench *b, bench_parallel_body *body, void *context);
WEIR_API bool bench_next_share(struct bench_worker *worker);

static inline bool bench_next(struct bench_worker *worker)
{
    __asm__ volatile("");
    return __builtin_expect(--worker->left >= 0, 1) || bench_next_share(worker);
}

/* bench_run_parallel starts so many threads for each of bench_threads(). Less than 1 changes nothing. Holds
 * for the rest of the call of the body. After B.SetParallelism. */
WEIR_API void bench_set_parallelism(struct bench *b, int threads);

/* The value of -cpu that holds: how many threads bench_run_parallel starts, and the suffix of the name. It
 * binds nothing to processors. */
WEIR_API int bench_threads(struct bench *b);

/* --- Ends --- */

/* The benchmark has failed, or cannot run here: printed with the reason, and no result is. The body goes on
 * until it returns; bench_loop is false from then on. After B.Errorf, B.Skipf. */
WEIR_API void bench_fail(struct bench *b, const char *format, ...) WEIR_ATTRIBUTE((format(printf, 2, 3)));
WEIR_API void bench_skip(struct bench *b, const char *format, ...) WEIR_ATTRIBUTE((format(printf, 2, 3)));

/* --- The sink --- */

/* The compiler must have the value and all memory ready here, and cannot drop what computed it. Costs no
 * instruction, or one store. bench_keep returns the pointer, and the compiler no longer knows where that came
 * from: a pair of malloc and free stays. bench_keep_value takes a value of any type. */
static inline void *bench_keep(const void *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return (void *)pointer;
}

#define bench_keep_value(value) __asm__ volatile("" : : "r,m"(value) : "memory")

WEIR_API_END

#endif
