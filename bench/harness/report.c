/* report: results as lines of Go's benchmark format (golang.org/design/14313-benchmark-format), laid out as
 * Go's testing.BenchmarkResult.String does. A line is printed in one piece when its benchmark has ended, so
 * that what a body prints cannot get into it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench/harness/harness.h"

struct line {
    char *text;
    size_t size, length;
};

static void __attribute__((format(printf, 2, 3))) line_add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->length, line->size - line->length, format, arguments);
    va_end(arguments);
    line->length += (size_t)length;
    if (line->length >= line->size)
        line->length = line->size - 1;
}

/* Four significant digits below 1000, the decimal point always in the same column. */
static void add_figure(struct line *line, double value, const char *unit)
{
    if (!isfinite(value)) { /* as Go prints them; printf has a sign before nan */
        line_add(line, "\t%10s %s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf", unit);
        return;
    }
    static const double least[] = {999.95, 99.995, 9.9995, 0.99995, 0.099995, 0.0099995, 0.00099995};
    int decimals = 0;
    if (value != 0)
        while (decimals < 7 && fabs(value) < least[decimals])
            decimals++;
    line_add(line, "\t%*.*f %s", decimals == 0 ? 10 : 11 + decimals, decimals, value, unit);
}

static const struct metric *metric_find(const struct run *run, const char *unit)
{
    for (int m = 0; m < run->metric_count; m++)
        if (strcmp(run->metrics[m].unit, unit) == 0)
            return &run->metrics[m];
    return NULL;
}

static int compare_units(const void *left, const void *right)
{
    return strcmp((*(const struct metric *const *)left)->unit, (*(const struct metric *const *)right)->unit);
}

static const char *const built_in[] = {"ns/op", "MB/s", "B/op", "allocs/op"};

/* The benchmark's own figures, by the names of their units. */
static void add_own_figures(struct line *line, const struct run *run)
{
    const struct metric *own[METRICS_MAX];
    size_t count = 0;
    for (int m = 0; m < run->metric_count; m++) {
        bool is_own = true;
        for (size_t k = 0; k < sizeof built_in / sizeof built_in[0]; k++)
            is_own &= strcmp(run->metrics[m].unit, built_in[k]) != 0;
        if (is_own)
            own[count++] = &run->metrics[m];
    }
    qsort(own, count, sizeof own[0], compare_units);
    for (size_t m = 0; m < count; m++)
        add_figure(line, own[m]->value, own[m]->unit);
}

/* Of the measured call: faults, released bytes and collector time per iteration, and the peak. */
static void add_memory(struct line *line, const struct run *run, double n)
{
    add_figure(line, (double)run->memory.faults / n, "faults/op");
    if (run->memory.has_peak)
        add_figure(line, (double)run->memory.peak, "peak-B");
    if (!run->counts_allocations)
        return;
    add_figure(line, (double)run->allocated.released / n, "released-B/op");
    add_figure(line, (double)run->allocated.collector_ns / n, "gc-ns/op");
}

static double figure(const struct run *run, const char *unit, double measured)
{
    const struct metric *given = metric_find(run, unit);
    return given != NULL ? given->value : measured;
}

void report_format(const struct run *run, char *text, size_t size)
{
    struct line line = {.text = text, .size = size};
    double n = run->bench.n > 0 ? (double)run->bench.n : 1, elapsed = (double)run->elapsed;
    line_add(&line, "%8lld", (long long)run->bench.n);
    double time = figure(run, "ns/op", elapsed / n);
    if (time != 0)
        add_figure(&line, time, "ns/op");
    bool has_rate = run->bytes_per_iteration > 0 && run->elapsed > 0;
    double rate = figure(run, "MB/s", has_rate ? (double)run->bytes_per_iteration * n * 1e3 / elapsed : 0);
    if (rate != 0)
        line_add(&line, "\t%7.2f MB/s", rate);
    add_own_figures(&line, run);
    const struct metric *bytes = metric_find(run, "B/op"), *blocks = metric_find(run, "allocs/op");
    if ((run->wants_allocations && run->counts_allocations) || bytes != NULL || blocks != NULL) {
        line_add(&line, "\t%8lld B/op",
                 bytes != NULL ? (long long)bytes->value : (long long)(run->allocated.bytes / n));
        line_add(&line, "\t%8lld allocs/op",
                 blocks != NULL ? (long long)blocks->value : (long long)(run->allocated.blocks / n));
    }
    if (run->wants_memory)
        add_memory(&line, run, n);
}

static const char *go_architecture(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"ppc64le", "ppc64le"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(machine, names[i][0]) == 0)
            return names[i][1];
    return machine;
}

static void print_processor(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL)
        return;
    char text[256];
    while (fgets(text, sizeof text, file) != NULL)
        if (strncmp(text, "model name", 10) == 0 && strchr(text, ':') != NULL) {
            const char *model = strchr(text, ':') + 1;
            printf("cpu: %s", model + strspn(model, " \t"));
            break;
        }
    fclose(file);
}

void report_header(struct runner *runner)
{
    struct utsname system;
    if (runner->header_printed)
        return;
    runner->header_printed = true;
    printf("goos: linux\n");
    if (uname(&system) == 0)
        printf("goarch: %s\n", go_architecture(system.machine));
    printf("pkg: %s\n", program_invocation_short_name);
    print_processor();
}

/* "BenchmarkChurn/size=64" + "/alloc=weir/gogc=50" + "-2" */
static void name_with_suffix(const struct run *run, char *name, size_t size)
{
    struct line line = {.text = name, .size = size};
    line_add(&line, "%s", run->name);
    const char *keys = run->runner->flags.keys;
    for (size_t length; keys != NULL && *keys != '\0'; keys += length + (keys[length] == ',')) {
        length = strcspn(keys, ",");
        line_add(&line, "/%.*s", (int)length, keys);
    }
    if (run->threads != 1)
        line_add(&line, "-%d", run->threads);
}

/* Less of each is better, and benchstat is told. */
static void describe_memory(struct runner *runner, const struct run *run)
{
    static const char *const units[] = {"faults/op", "peak-B", "released-B/op", "gc-ns/op"};
    for (size_t i = 0; run->wants_memory && i < sizeof units / sizeof units[0]; i++)
        report_unit(runner, units[i], "better=lower");
}

void report_result(struct runner *runner, const struct run *run)
{
    char name[NAME_SIZE + KEYS_SIZE + 16], line[REPORT_SIZE];
    name_with_suffix(run, name, sizeof name);
    report_format(run, line, sizeof line);
    report_header(runner);
    describe_memory(runner, run);
    printf("%-*s\t%s\n", runner->name_width, name, line);
    fflush(stdout);
}

void report_end(struct runner *runner, const struct run *run, const char *how)
{
    char name[NAME_SIZE + KEYS_SIZE + 16];
    name_with_suffix(run, name, sizeof name);
    report_header(runner);
    printf("--- %s: %s\n    %s\n", how, name, run->message);
    fflush(stdout);
}

static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (copied == NULL)
        abort();
    return copied;
}

void report_unit(struct runner *runner, const char *unit, const char *description)
{
    for (const struct described_unit *seen = runner->units; seen != NULL; seen = seen->next)
        if (strcmp(seen->unit, unit) == 0)
            return;
    struct described_unit *described = malloc(sizeof *described);
    if (described == NULL)
        abort();
    *described = (struct described_unit){.next = runner->units, .unit = copy(unit)};
    runner->units = described;
    report_header(runner);
    printf("Unit %s %s\n", unit, description);
}

void report_units_free(struct runner *runner)
{
    while (runner->units != NULL) {
        struct described_unit *described = runner->units;
        runner->units = described->next;
        free(described->unit);
        free(described);
    }
}
