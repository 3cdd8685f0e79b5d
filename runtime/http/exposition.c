/* exposition: see exposition.h. Percentages become ratios, since Prometheus knows base units only; a value
 * that stands for "none" becomes +Inf. The sum of a histogram is an estimate, from the middles of its
 * buckets.
 */
#include "runtime/http/exposition.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/http/samples.h"

enum { NAME_MAX_LENGTH = 128 };

/* "weir_gc_heap_allocs_bytes"; true: the unit was percent. */
static bool make_name(const char *from, char *name)
{
    static const char own[] = "/weir/", percent[] = ":percent";
    size_t length = (size_t)(stpcpy(name, "weir") - name);
    bool scaled =
        strlen(from) > sizeof percent && strcmp(from + strlen(from) - (sizeof percent - 1), percent) == 0;
    from += strncmp(from, own, sizeof own - 1) == 0 ? sizeof own - 2 : 0;
    for (; *from && length < NAME_MAX_LENGTH - 16; from++)
        name[length++] = strchr("/:-", *from) ? '_' : *from;
    name[length] = '\0';
    if (scaled)
        strcpy(name + length - strlen("percent"), "ratio");
    return scaled;
}

static void add_double(text_t *text, double value)
{
    char room[40];
    if (isinf(value))
        snprintf(room, sizeof room, "%sInf", value > 0 ? "+" : "-");
    else
        snprintf(room, sizeof room, "%.17g", value);
    text_add_str(text, room);
}

static void add_value(text_t *text, const weir_metric_sample *sample, bool scaled)
{
    if (sample->kind == WEIR_METRIC_FLOAT64)
        add_double(text, sample->value.float64);
    else if (sample->value.uint64 == UINT64_MAX || sample->value.uint64 == INT64_MAX)
        text_add_str(text, "+Inf");
    else if (scaled)
        add_double(text, (double)sample->value.uint64 / 100);
    else
        text_add_u64(text, sample->value.uint64);
}

static void add_strings(text_t *text, const char *a, const char *b, const char *c)
{
    text_add_str(text, a);
    text_add_str(text, b);
    text_add_str(text, c);
}

static void add_head(text_t *text, const char *name, const char *suffix, const char *kind, const char *help)
{
    add_strings(text, "# HELP ", name, suffix);
    add_strings(text, " ", help, "\n# TYPE ");
    add_strings(text, name, suffix, " ");
    add_strings(text, kind, "\n", "");
}

/* Empty buckets are left out, since counts are cumulative. `le` is inclusive, and the bounds are exclusive:
 * for sizes, which are whole numbers, one less is exact. */
static void add_histogram(text_t *text, const char *name, const weir_metric_histogram *histogram)
{
    uint64_t count = 0;
    double sum = 0;
    bool whole = strstr(name, "_bytes") != NULL;
    for (size_t i = 0; i < histogram->buckets; i++) {
        double low = histogram->bounds[i], high = histogram->bounds[i + 1];
        count += histogram->counts[i];
        sum += (double)histogram->counts[i] * (isinf(high) ? low : (low + high) / 2);
        if (histogram->counts[i] == 0 && !isinf(high))
            continue;
        add_strings(text, name, "_bucket{le=\"", "");
        add_double(text, whole && !isinf(high) ? high - 1 : high);
        text_add_str(text, "\"} ");
        text_add_u64(text, count);
        text_add_char(text, '\n');
    }
    add_strings(text, name, "_sum ", "");
    add_double(text, sum);
    add_strings(text, "\n", name, "_count ");
    text_add_u64(text, count);
    text_add_char(text, '\n');
}

static void add_metric(text_t *text, const weir_metric *metric, const weir_metric_sample *sample,
                       bool openmetrics)
{
    char name[NAME_MAX_LENGTH];
    bool scaled = make_name(metric->name, name), counter = metric->cumulative;
    if (metric->kind == WEIR_METRIC_HISTOGRAM) {
        add_head(text, name, "", "histogram", metric->description);
        add_histogram(text, name, sample->value.histogram);
        return;
    }
    add_head(text, name, counter && !openmetrics ? "_total" : "", counter ? "counter" : "gauge",
             metric->description);
    add_strings(text, name, counter ? "_total " : " ", "");
    add_value(text, sample, scaled);
    text_add_char(text, '\n');
}

void exposition_write(text_t *text, bool openmetrics)
{
    samples_t samples = samples_read();
    for (size_t i = 0; i < samples.count; i++)
        if (samples.values[i].kind != WEIR_METRIC_BAD)
            add_metric(text, &samples.metrics[i], &samples.values[i], openmetrics);
    if (openmetrics)
        text_add_str(text, "# EOF\n");
}
