/* runner: which benchmarks run and how many iterations they get, as Go's testing does it.
 *
 * A body that uses bench_loop is called once: the loop raises its own count until the time is reached. A body
 * that uses b->n is called with n = 1, then with a prediction from what the last call took, until a call
 * lasts as long as -benchtime says. The last call's time is reported. A body with parts is called once with
 * n = 1, and each part is measured in the same way by itself.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness/harness.h"

/* In the order of registration; complete before main. */
static struct {
    struct bench_entry *first, **end;
} registry = {.end = &registry.first};

void bench_register(struct bench_entry *entry)
{
    entry->next = NULL;
    *registry.end = entry;
    registry.end = &entry->next;
}

/* As many iterations as fill the goal at the last call's speed, and a fifth more, so that the next call
 * does not just miss it. At most a hundredfold: the clock may hardly have moved in the last call. */
int64_t runner_predict(int64_t goal, int64_t done, int64_t elapsed)
{
    if (elapsed <= 0)
        elapsed = 1;
    __int128 wanted = (__int128)goal * done / elapsed;
    wanted += wanted / 5;
    if (wanted > (__int128)100 * done)
        wanted = (__int128)100 * done;
    if (wanted <= done)
        wanted = done + 1;
    return wanted < ITERATIONS_MAX ? (int64_t)wanted : ITERATIONS_MAX;
}

/* "Benchmark" + Name at the top, "parent/name" below it; white space becomes '_', as Go rewrites it. */
static bool name_make(char *name, const char *parent, const char *own)
{
    int length = parent[0] == '\0'
                     ? snprintf(name, NAME_SIZE, "Benchmark%c%s", toupper((unsigned char)own[0]), own + 1)
                     : snprintf(name, NAME_SIZE, "%s/%s", parent, own);
    for (char *c = name; *c != '\0'; c++)
        if (isspace((unsigned char)*c))
            *c = '_';
    return own[0] != '\0' && length < NAME_SIZE;
}

static void call_body(struct run *run, int64_t n)
{
    struct bench *b = &run->bench;
    *b = (struct bench){.n = n, .run = run};
    run->loop_total = 0;
    run->loop_ended = false;
    run->parallelism = 1;
    memory_begin_call();
    if (run->wants_memory)
        memory_begin(&run->memory);
    bench_stop_timer(b);
    bench_reset_timer(b);
    bench_start_timer(b);
    run->body(b, run->context);
    bench_stop_timer(b);
    if (run->wants_memory)
        memory_end(&run->memory);
    if (run->loop_total != 0 && !run->loop_ended && !run->failed && !run->skipped)
        bench_fail(b, "the body returned before bench_loop was false");
    run->last_n = b->n;
    run->last_elapsed = run->elapsed;
}

static bool run_goes_on(const struct run *run)
{
    return !run->failed && !run->skipped && !run->has_parts;
}

/* A body with bench_loop was measured by its first call. */
static void measure(struct run *run)
{
    const struct flags *flags = &run->runner->flags;
    if (run->loop_total != 0)
        return;
    if (flags->iterations != 0) {
        if (flags->iterations > 1)
            call_body(run, flags->iterations);
        return;
    }
    while (run_goes_on(run) && run->elapsed < flags->nanoseconds && run->bench.n < ITERATIONS_MAX)
        call_body(run, runner_predict(flags->nanoseconds, run->bench.n, run->elapsed));
}

/* One line of the output; false if no further one of this benchmark is wanted. */
static bool run_once(struct run *run)
{
    memory_begin_benchmark();
    call_body(run, 1);
    if (run_goes_on(run))
        measure(run);
    if (run->failed || run->skipped)
        report_end(run->runner, run, run->failed ? "FAIL" : "SKIP");
    else if (!run->has_parts)
        report_result(run->runner, run);
    run->runner->failed |= run->failed;
    return run_goes_on(run);
}

static void run_init(struct run *run, struct runner *runner, const char *name, bench_body *body,
                     void *context)
{
    static const struct run blank;
    *run = blank;
    strcpy(run->name, name);
    run->body = body;
    run->context = context;
    run->runner = runner;
    run->wants_allocations = run->wants_memory = runner->flags.allocations;
}

static void widen_names(struct runner *runner, const char *name)
{
    int width = (int)strlen(name) + runner->suffix_width;
    if (width > runner->name_width)
        runner->name_width = width;
}

/* Every measurement of one benchmark that -cpu and -count ask for. False if one failed. */
static bool run_named(struct runner *runner, const char *name, bench_body *body, void *context)
{
    enum match_outcome outcome = match_name(runner->match, name);
    if (outcome == MATCH_NONE)
        return true;
    widen_names(runner, name);
    struct run *run = malloc(sizeof *run); /* too large for a stack, with parts of parts */
    if (run == NULL)
        abort();
    const struct flags *flags = &runner->flags;
    bool goes_on = true;
    for (int t = 0; goes_on && t < flags->thread_count_count; t++)
        for (int64_t c = 0; goes_on && c < flags->count; c++) {
            run_init(run, runner, name, body, context);
            run->threads = flags->thread_counts[t];
            run->has_parts = outcome == MATCH_PARTS;
            goes_on = run_once(run);
        }
    bool failed = run->failed;
    free(run);
    return !failed;
}

bool bench_run(struct bench *b, const char *own, bench_body *body, void *context)
{
    struct run *parent = b->run;
    char name[NAME_SIZE];
    parent->has_parts = true;
    if (name_make(name, parent->name, own))
        return run_named(parent->runner, name, body, context);
    bench_fail(b, "\"%s\": the name of a part is empty or too long", own);
    return false;
}

static void run_registered(struct runner *runner)
{
    char name[NAME_SIZE];
    for (const struct bench_entry *entry = registry.first; entry != NULL; entry = entry->next)
        if (name_make(name, "", entry->name) && match_name(runner->match, name) != MATCH_NONE)
            widen_names(runner, name);
    for (const struct bench_entry *entry = registry.first; entry != NULL; entry = entry->next) {
        if (name_make(name, "", entry->name)) {
            run_named(runner, name, entry->body, NULL);
        } else {
            fprintf(stderr, "\"%s\": the name of a benchmark is empty or too long\n", entry->name);
            runner->failed = true;
        }
    }
}

static int suffix_width(const struct flags *flags)
{
    int widest = 0;
    for (int t = 0; t < flags->thread_count_count; t++) {
        int width = flags->thread_counts[t] == 1 ? 0 : snprintf(NULL, 0, "-%d", flags->thread_counts[t]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

int bench_main(int count, char **arguments)
{
    struct runner runner = {0};
    switch (flags_parse(&runner.flags, count, arguments)) {
    case FLAGS_HELP:
        return 0;
    case FLAGS_WRONG:
        return 2;
    case FLAGS_RUN:
        break;
    }
    runner.match = match_new(runner.flags.pattern);
    if (runner.match == NULL)
        return 2;
    runner.suffix_width = suffix_width(&runner.flags);
    bool profiled = runner.flags.profile != NULL;
    runner.failed = profiled && !profile_start(runner.flags.profile);
    if (!runner.failed) {
        run_registered(&runner);
        if (profiled)
            profile_stop();
        puts(runner.failed ? "FAIL" : "PASS");
    }
    report_units_free(&runner);
    match_free(runner.match);
    return runner.failed;
}
