/* vars: see vars.h. */
#include "runtime/http/vars.h"

#include <stdio.h>
#include <string.h>

#include <weir/metrics.h>
#include <weir/stats.h>

#include "runtime/os/file.h"

static weir_mem_stats stats;
static char cmdline[16 * 1024];

/* Bytes that are not UTF-8 would make it no JSON: what is not ASCII becomes '?'. */
static void add_string(text_t *text, const char *string, size_t length)
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
static void add_cmdline(text_t *text)
{
    text_add_str(text, "\"cmdline\": [");
    memset(cmdline, 0, sizeof cmdline);
    file_read("/proc/self/cmdline", cmdline, sizeof cmdline);
    size_t end = sizeof cmdline;
    while (end > 0 && cmdline[end - 1] == '\0')
        end--;
    for (size_t at = 0; at < end; at += strlen(cmdline + at) + 1) {
        text_add_str(text, at > 0 ? ", " : "");
        add_string(text, cmdline + at, strlen(cmdline + at));
    }
    text_add_char(text, ']');
}

static void add_count(text_t *text, const char *name, uint64_t value)
{
    text_add_str(text, ", \"");
    text_add_str(text, name);
    text_add_str(text, "\": ");
    text_add_u64(text, value);
}

static void add_array(text_t *text, const char *name, const uint64_t values[WEIR_STATS_PAUSES])
{
    text_add_str(text, ", \"");
    text_add_str(text, name);
    text_add_str(text, "\": [");
    for (size_t i = 0; i < WEIR_STATS_PAUSES; i++) {
        text_add_str(text, i > 0 ? "," : "");
        text_add_u64(text, values[i]);
    }
    text_add_char(text, ']');
}

static void add_sizes(text_t *text)
{
    text_add_str(text, ", \"BySize\": [");
    for (uint64_t i = 0; i < stats.num_size_classes && i < WEIR_STATS_CLASSES; i++) {
        text_add_str(text, i > 0 ? ", {\"Size\": " : "{\"Size\": ");
        text_add_u64(text, stats.by_size[i].size);
        add_count(text, "Mallocs", stats.by_size[i].mallocs);
        add_count(text, "Frees", stats.by_size[i].frees);
        text_add_char(text, '}');
    }
    text_add_char(text, ']');
}

static void add_memstats(text_t *text)
{
    char fraction[40];
    weir_read_mem_stats(&stats);
    text_add_str(text, ", \"memstats\": {\"Alloc\": ");
    text_add_u64(text, stats.alloc);
    add_count(text, "TotalAlloc", stats.total_alloc);
    add_count(text, "Sys", stats.sys);
    add_count(text, "Lookups", stats.lookups);
    add_count(text, "Mallocs", stats.mallocs);
    add_count(text, "Frees", stats.frees);
    add_count(text, "HeapAlloc", stats.heap_alloc);
    add_count(text, "HeapSys", stats.heap_sys);
    add_count(text, "HeapIdle", stats.heap_idle);
    add_count(text, "HeapInuse", stats.heap_inuse);
    add_count(text, "HeapReleased", stats.heap_released);
    add_count(text, "HeapObjects", stats.heap_objects);
    add_count(text, "StackInuse", stats.stack_inuse);
    add_count(text, "StackSys", stats.stack_sys);
    add_count(text, "MSpanInuse", stats.mspan_inuse);
    add_count(text, "MSpanSys", stats.mspan_sys);
    add_count(text, "MCacheInuse", stats.mcache_inuse);
    add_count(text, "MCacheSys", stats.mcache_sys);
    add_count(text, "BuckHashSys", stats.buck_hash_sys);
    add_count(text, "GCSys", stats.gc_sys);
    add_count(text, "OtherSys", stats.other_sys);
    add_count(text, "NextGC", stats.next_gc);
    add_count(text, "LastGC", stats.last_gc);
    add_count(text, "PauseTotalNs", stats.pause_total_ns);
    add_array(text, "PauseNs", stats.pause_ns);
    add_array(text, "PauseEnd", stats.pause_end);
    add_count(text, "NumGC", stats.num_gc);
    add_count(text, "NumForcedGC", stats.num_forced_gc);
    snprintf(fraction, sizeof fraction, ", \"GCCPUFraction\": %.9f", stats.gc_cpu_fraction);
    text_add_str(text, fraction);
    text_add_str(text, stats.enable_gc ? ", \"EnableGC\": true" : ", \"EnableGC\": false");
    text_add_str(text, ", \"DebugGC\": false");
    add_sizes(text);
    text_add_char(text, '}');
}

static void add_metrics(text_t *text)
{
    size_t count;
    bool first = true;
    const weir_metric *all = weir_metrics_all(&count);
    text_add_str(text, ", \"weir\": {");
    for (size_t i = 0; i < count; i++) {
        weir_metric_sample sample = {.name = all[i].name};
        char value[48];
        if (weir_metrics_read(&sample, 1) != 1)
            continue;
        if (sample.kind == WEIR_METRIC_UINT64)
            snprintf(value, sizeof value, "%ju", (uintmax_t)sample.value.uint64);
        else
            snprintf(value, sizeof value, "%.9g", sample.value.float64);
        text_add_str(text, first ? "" : ", ");
        add_string(text, all[i].name, strlen(all[i].name));
        text_add_str(text, ": ");
        text_add_str(text, value);
        first = false;
    }
    text_add_char(text, '}');
}

void vars_write(text_t *text)
{
    text_add_char(text, '{');
    add_cmdline(text);
    add_memstats(text);
    add_metrics(text);
    text_add_str(text, "}\n");
}
