/* The benchmark harness: iterations, timer, names, flags, lines, threads. Lines are compared with what Go
 * 1.19's testing.BenchmarkResult prints for the same figures.
 */
#include <criterion/criterion.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/harness/harness.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* --- Lines --- */

static const struct {
    int64_t n, elapsed, bytes;
    bool allocations;
    struct allocated allocated;
    struct metric metrics[3];
    int metric_count;
    const char *expected;
} lines[] = {
    {1000000000, 272800000, 0, false, {0}, {{{0}, 0}}, 0, "1000000000\t         0.2728 ns/op"},
    {100, 1000000000, 0, false, {0}, {{{0}, 0}}, 0, "     100\t  10000000 ns/op"},
    {100000, 99994000, 0, false, {0}, {{{0}, 0}}, 0, "  100000\t       999.9 ns/op"},
    {100000, 99996000, 0, false, {0}, {{{0}, 0}}, 0, "  100000\t      1000 ns/op"},
    {100000, 9999400, 0, false, {0}, {{{0}, 0}}, 0, "  100000\t        99.99 ns/op"},
    {100000, 9999600, 0, false, {0}, {{{0}, 0}}, 0, "  100000\t       100.0 ns/op"},
    {3, 2999850, 0, false, {0}, {{{0}, 0}}, 0, "       3\t    999950 ns/op"},
    {7,
     700,
     64,
     true,
     {.blocks = 15, .bytes = 1001},
     {{{0}, 0}},
     0,
     "       7\t       100.0 ns/op\t 640.00 MB/s\t     143 B/op\t       2 allocs/op"},
    {1000, 0, 64, true, {0}, {{{0}, 0}}, 0, "    1000\t       0 B/op\t       0 allocs/op"},
    {12345,
     1234567,
     4096,
     false,
     {0},
     {{"hits/op", 0.5}, {"a/op", 12345}, {"z", 0.0001}},
     3,
     "   12345\t       100.0 ns/op\t40957.78 MB/s\t     12345 a/op\t         0.5000 hits/op\t         0.0001000 z"},
    {10, 1234567, 4096, false, {0}, {{"ns/op", 0}, {"MB/s", 7}}, 2, "      10\t   7.00 MB/s"},
    {10,
     99995,
     1,
     true,
     {.blocks = 50, .bytes = 5},
     {{"allocs/op", 2}},
     1,
     "      10\t     10000 ns/op\t   0.10 MB/s\t       0 B/op\t       2 allocs/op"},
    {10,
     0,
     0,
     false,
     {0},
     {{"a", NAN}, {"b", -NAN}, {"c", -INFINITY}},
     3,
     "      10\t       NaN a\t       NaN b\t      -Inf c"},
};

Test(bench, lines)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct run run = {.bench = {.n = lines[i].n},
                          .elapsed = lines[i].elapsed,
                          .bytes_per_iteration = lines[i].bytes,
                          .wants_allocations = lines[i].allocations,
                          .counts_allocations = true,
                          .allocated = lines[i].allocated,
                          .metric_count = lines[i].metric_count};
        memcpy(run.metrics, lines[i].metrics, sizeof lines[i].metrics);
        char line[REPORT_SIZE];
        report_format(&run, line, sizeof line);
        cr_expect_str_eq(line, lines[i].expected, "%zu: \"%s\"", i, line);
    }
}

/* --- Iterations --- */

Test(bench, prediction)
{
    cr_expect_eq(runner_predict(1000, 1, 100), 12);      /* ten, and a fifth more */
    cr_expect_eq(runner_predict(1000000, 1, 10), 100);   /* not more than a hundredfold */
    cr_expect_eq(runner_predict(1000, 10, 1000000), 11); /* more in any case */
    cr_expect_eq(runner_predict(1000, 5, 0), 500);       /* a clock that stood still */
    cr_expect_eq(runner_predict(INT64_MAX, 900000000, 1),
                 1000000000); /* no overflow, no more than a billion */
}

Test(bench, durations)
{
    static const struct {
        const char *text;
        int64_t expected; /* 0: none */
    } cases[] = {{"1s", 1000000000},
                 {"1.5s", 1500000000},
                 {"100ms", 100000000},
                 {"1m30s", 90000000000},
                 {"7us", 7000},
                 {"7µs", 7000},
                 {"1h", 3600000000000},
                 {"12ns", 12},
                 {"", 0},
                 {"1", 0},
                 {"s", 0},
                 {"-1s", 0},
                 {"0s", 0},
                 {"1x", 0},
                 {"1s2", 0},
                 {"1 s", 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t nanoseconds = 0;
        bool good = flags_parse_duration(cases[i].text, &nanoseconds);
        cr_expect_eq(good, cases[i].expected != 0, "%s", cases[i].text);
        cr_expect(!good || nanoseconds == cases[i].expected, "%s: %lld", cases[i].text,
                  (long long)nanoseconds);
    }
}

/* --- Names --- */

Test(bench, patterns)
{
    static const struct {
        const char *pattern, *name;
        enum match_outcome expected;
    } cases[] = {
        {".", "BenchmarkPool", MATCH_ALL},
        {"Pool", "BenchmarkPool/size=1/x", MATCH_ALL},
        {"^Pool", "BenchmarkPool", MATCH_NONE},
        {"Pool/size=16$", "BenchmarkPool", MATCH_PARTS},
        {"Pool/size=16$", "BenchmarkPool/size=16", MATCH_ALL},
        {"Pool/size=16$", "BenchmarkPool/size=160", MATCH_NONE},
        {"Pool/size=16$", "BenchmarkPool/size=16/hot", MATCH_ALL},
        {"/1", "BenchmarkPool/1", MATCH_ALL},
        {"[a/]l/(b|c/d)", "BenchmarkPool", MATCH_NONE},
        {"[o/]l/(b|c)", "BenchmarkPool/c", MATCH_ALL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct match *match = match_new(cases[i].pattern);
        cr_assert_not_null(match, "%s", cases[i].pattern);
        cr_expect_eq(match_name(match, cases[i].name), cases[i].expected, "%s on %s", cases[i].pattern,
                     cases[i].name);
        match_free(match);
    }
    cr_expect_null(match_new("a/(b"));
}

/* --- Whole runs --- */

static char output[1 << 16];

/* bench_main with these flags; what it prints is in `output`, its status is returned. */
static int run(const char *flags)
{
    char words[512], *arguments[16] = {words}, *rest = NULL;
    snprintf(words, sizeof words, "bench %s", flags);
    int count = 0;
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    arguments[count] = NULL;
    fflush(stdout);
    int file = memfd_create("output", MFD_CLOEXEC), before = dup(STDOUT_FILENO);
    dup2(file, STDOUT_FILENO);
    int status = bench_main(count, arguments);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    ssize_t length = pread(file, output, sizeof output - 1, 0);
    output[length > 0 ? length : 0] = '\0';
    close(file);
    close(before);
    return status;
}

/* How many lines of the output have a match of this expression. */
static int lines_like(const char *pattern)
{
    regex_t expression;
    cr_assert_eq(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB), 0);
    static char copy[sizeof output];
    strcpy(copy, output);
    int found = 0;
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        found += regexec(&expression, line, 0, NULL, 0) == 0;
    regfree(&expression);
    return found;
}

static int64_t calls, iterations, set_ups;
static int64_t elapsed; /* of the last call, as the harness measured it */
static int64_t spent;   /* of the same call: the part to be measured, as the benchmark counted it */

enum { MILLISECOND = 1000000, PAUSE = 60 * MILLISECOND };

/* The harness reads this clock, which only the benchmarks here move: what is measured is exact on any
 * machine. (The linker puts it in the place of the C library's.) */
static _Atomic int64_t clock_ns = 1000000000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    int64_t now = clock_ns;
    *time = (struct timespec){now / 1000000000, now % 1000000000};
    return 0;
}

/* Not to be measured. */
static void pause_long(void)
{
    clock_ns += PAUSE;
}

static void spend_ten_microseconds(void)
{
    clock_ns += 10000;
    spent += 10000;
}

static void expect_measured(void)
{
    cr_expect_eq(elapsed, spent, "%lld of %lld", (long long)elapsed, (long long)spent);
}

BENCH(loop)
{
    set_ups++;
    pause_long();
    while (bench_loop(b)) {
        iterations++;
        spend_ten_microseconds();
        if (iterations == 500) {
            bench_stop_timer(b);
            pause_long();
            bench_start_timer(b);
        }
    }
    cr_assert_not(bench_loop(b), "over is over");
    cr_expect_eq(b->n, iterations);
    elapsed = bench_elapsed(b);
    pause_long();
    cr_expect_eq(bench_elapsed(b), elapsed);
}

BENCH(counted)
{
    if (++calls > 50) {
        bench_fail(b, "called without end");
        return;
    }
    iterations = b->n;
    spent = 0;
    pause_long();
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        spend_ten_microseconds();
    bench_stop_timer(b);
    pause_long();
    bench_start_timer(b);
    elapsed = bench_elapsed(b);
}

Test(bench, loop_form)
{
    cr_assert_eq(run("-bench Loop$ -benchtime 20ms -cpu 1"), 0, "%s", output);
    expect_measured();
    cr_expect_eq(set_ups, 1);
    cr_expect(iterations >= 100 && iterations < 20000, "%lld", (long long)iterations);
    cr_expect_geq(elapsed, 20 * MILLISECOND);
    char line[128];
    snprintf(line, sizeof line, "^BenchmarkLoop\t +%lld\t +%.0f ns/op$", (long long)iterations,
             (double)elapsed / (double)iterations);
    cr_expect_eq(lines_like(line), 1, "%s: %s", line, output);
    cr_expect_eq(lines_like("^goos: linux$"), 1);
    cr_expect_eq(lines_like("^(goarch|pkg): [^ ]+$"), 2);
    cr_expect_eq(lines_like("^PASS$"), 1);
}

Test(bench, counted_form)
{
    cr_assert_eq(run("-bench Counted -benchtime 20ms -cpu 1"), 0, "%s", output);
    expect_measured();
    cr_expect(calls >= 2 && calls <= 12, "1, 100, …: %lld", (long long)calls);
    cr_expect_geq(elapsed, 20 * MILLISECOND);
}

Test(bench, fixed_iterations)
{
    cr_assert_eq(run("--bench=Loop$ --benchtime=7x --cpu=1"), 0, "%s", output);
    cr_expect_eq(lines_like("^BenchmarkLoop[[:space:]]+7[[:space:]]"), 1, "%s", output);
    cr_expect_eq(iterations, 7);
    cr_assert_eq(run("-bench Counted -benchtime 7x -cpu 1"), 0, "%s", output);
    cr_expect_eq(calls, 2);
    cr_expect_eq(iterations, 7);
}

static void part(struct bench *b, void *context)
{
    while (bench_loop(b)) {
        ++*(int *)context;
        clock_ns += 1000;
    }
    bench_report_metric(b, 2.5, "beats/op");
    bench_describe_unit(b, "beats/op", "better=higher");
}

static void parts_of_part(struct bench *b, void *context)
{
    bench_run(b, "x", part, context);
}

BENCH(parts)
{
    static int done;
    calls++;
    bench_run(b, "size=1 KiB", part, &done);
    bench_run(b, "size=2", part, &done);
    bench_run(b, "deep", parts_of_part, &done);
}

Test(bench, parts_and_counts)
{
    cr_assert_eq(run("-bench Parts -benchtime 5x -count 3 -cpu 1,4"), 0, "%s", output);
    cr_expect_eq(calls, 1);
    cr_expect_eq(lines_like("^BenchmarkParts/size=1_KiB *[[:space:]]+5[[:space:]].* ns/op.* 2.500 beats/op$"),
                 3, "%s", output);
    cr_expect_eq(lines_like("^BenchmarkParts/size=1_KiB-4 "), 0); /* the column is full: a tab follows */
    cr_expect_eq(lines_like("^BenchmarkParts/(size=1_KiB|size=2|deep/x)(-4)? *\t"), 18);
    cr_expect_eq(lines_like("^BenchmarkParts(-4)? *\t"), 0);
    cr_expect_eq(lines_like("^Unit beats/op better=higher$"), 1);
    cr_assert_eq(run("-bench Parts/deep -benchtime 5x -cpu 1"), 0);
    cr_expect_eq(lines_like("^BenchmarkParts/deep/x *\t"), 1);
    cr_expect_eq(lines_like("^Benchmark"), 1);
}

BENCH(fails)
{
    while (bench_loop(b)) {
        calls++;
        bench_fail(b, "of %d reasons", 2);
        bench_fail(b, "the first counts");
    }
}

BENCH(skips)
{
    bench_skip(b, "no such device");
}

BENCH(breaks)
{
    while (bench_loop(b))
        break;
}

Test(bench, failures)
{
    cr_expect_eq(run("-bench Fails -count 3"), 1);
    cr_expect_eq(calls, 1);
    cr_expect_eq(lines_like("^--- FAIL: BenchmarkFails"), 1);
    cr_expect_eq(lines_like("of 2 reasons"), 1, "%s", output);
    cr_expect_eq(lines_like("^FAIL$"), 1);
    cr_expect_eq(run("-bench Skips"), 0);
    cr_expect_eq(lines_like("no such device|^--- SKIP: BenchmarkSkips|^PASS"), 3, "%s", output);
    cr_expect_eq(run("-bench Breaks"), 1);
    cr_expect_eq(lines_like("^Benchmark"), 0);
}

BENCH(bad_unit)
{
    while (bench_loop(b))
        continue;
    bench_report_metric(b, 1, "two words");
}

Test(bench, flags_that_make_no_sense)
{
    static const char *const wrong[] = {"-walk",        "-bench (",    "-benchtime 1", "-benchtime 0x",
                                        "-count 0",     "-cpu 0",      "-cpu",         "-cpu 1,x",
                                        "-benchmem=no", "-cpuprofile", "benchmark",    "---count=1"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        cr_expect_eq(run(wrong[i]), 2, "%s", wrong[i]);
    cr_expect_eq(run("-help"), 0);
    cr_expect_eq(lines_like("-cpuprofile FILE"), 1);
    cr_expect_eq(run("-bench Bad_unit -benchtime 1x"), 1);
}

/* --- Threads --- */

static _Atomic int64_t shared_iterations;
static atomic_int threads_seen;

static void parallel_body(struct bench_worker *worker, void *context)
{
    int64_t mine = 0;
    atomic_fetch_add((atomic_int *)context, 1);
    while (bench_next(worker)) {
        mine++;
        clock_ns += 1000;
    }
    cr_assert_not(bench_next(worker), "over is over");
    atomic_fetch_add(&shared_iterations, mine);
}

BENCH(threads)
{
    atomic_store(&shared_iterations, 0);
    atomic_store(&threads_seen, 0);
    bench_run_parallel(b, parallel_body, &threads_seen);
    if (atomic_load(&threads_seen) != bench_threads(b) || atomic_load(&shared_iterations) != b->n)
        bench_fail(b, "%d threads made %lld of %lld iterations", atomic_load(&threads_seen),
                   (long long)atomic_load(&shared_iterations), (long long)b->n);
}

static void lazy_body(struct bench_worker *worker, void *context)
{
    (void)context;
    bench_next(worker);
}

BENCH(lazy)
{
    bench_run_parallel(b, lazy_body, NULL);
}

/* Each iteration is done exactly once, however the threads share them. Times and numbers of threads are
 * random. */
Test(bench, iterations_are_shared)
{
    for (unsigned round = 0; round < 40; round++) {
        char flags[128];
        snprintf(flags, sizeof flags, "-bench Threads -benchtime %d%s -cpu %d,1,2", 1 + rand() % 3000,
                 round % 2 == 0 ? "x" : "us", 1 + rand() % 9);
        cr_assert_eq(run(flags), 0, "%s: %s", flags, output);
        cr_expect_eq(lines_like("^BenchmarkThreads"), 3);
    }
    cr_expect_eq(run("-bench Lazy -benchtime 1000000x -cpu 2"), 1, "%s", output);
}
