/* samples: see samples.h. */
#include "runtime/http/samples.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/os/os.h"

enum { METRICS_MAX = 256, HISTOGRAMS_MAX = 16, READS_MAX = 16, READS_NS = 100 * 1000 * 1000 };

pthread_mutex_t samples_mutex = PTHREAD_MUTEX_INITIALIZER;

static weir_metric_sample values[METRICS_MAX];
static weir_metric_histogram histograms[HISTOGRAMS_MAX];
static char cmdline[16 * 1024];

/* A reading looks at the descriptors of all spans, in cache lines that the program's threads write: thousands
 * of requests a second would slow those threads down. */
static bool may_read(void)
{
    static uint64_t began_ns;
    static unsigned reads;
    uint64_t now = os_now_ns();
    if (now - began_ns >= READS_NS) {
        began_ns = now;
        reads = 0;
    }
    return reads < READS_MAX && ++reads;
}

samples_t samples_read(void)
{
    size_t count, used = 0;
    const weir_metric *all = weir_metrics_all(&count);
    count = count < METRICS_MAX ? count : METRICS_MAX;
    if (!may_read())
        return (samples_t){all, values, count, false};
    for (size_t i = 0; i < count; i++) {
        values[i] = (weir_metric_sample){.name = all[i].name};
        if (all[i].kind == WEIR_METRIC_HISTOGRAM && used < HISTOGRAMS_MAX)
            values[i].value.histogram = &histograms[used++];
    }
    weir_metrics_read(values, count);
    return (samples_t){all, values, count, true};
}

void samples_add_string(text_t *text, const char *string, size_t length)
{
    text_add_char(text, '"');
    for (size_t i = 0; i < length; i++) {
        if (string[i] == '"' || string[i] == '\\')
            text_add_char(text, '\\');
        text_add_char(text, string[i] >= ' ' && string[i] <= '~' ? string[i] : '?');
    }
    text_add_char(text, '"');
}

/* /proc has it with a zero after each argument; file_read ends it with one more. */
void samples_add_cmdline(text_t *text)
{
    text_add_str(text, "\"cmdline\": [");
    memset(cmdline, 0, sizeof cmdline);
    file_read("/proc/self/cmdline", cmdline, sizeof cmdline);
    size_t end = sizeof cmdline;
    while (end > 0 && cmdline[end - 1] == '\0')
        end--;
    for (size_t at = 0; at < end; at += strlen(cmdline + at) + 1) {
        text_add_str(text, at > 0 ? ", " : "");
        samples_add_string(text, cmdline + at, strlen(cmdline + at));
    }
    text_add_char(text, ']');
}

void samples_add_numbers(text_t *text, const samples_t *samples)
{
    const char *separator = "{";
    for (size_t i = 0; i < samples->count; i++) {
        const weir_metric_sample *sample = &samples->values[i];
        char value[48];
        if (sample->kind == WEIR_METRIC_UINT64)
            snprintf(value, sizeof value, "%ju", (uintmax_t)sample->value.uint64);
        else if (sample->kind == WEIR_METRIC_FLOAT64)
            snprintf(value, sizeof value, "%.9g", sample->value.float64);
        else
            continue;
        text_add_str(text, separator);
        samples_add_string(text, sample->name, strlen(sample->name));
        text_add_str(text, ": ");
        text_add_str(text, value);
        separator = ", ";
    }
    text_add_char(text, '}');
}
