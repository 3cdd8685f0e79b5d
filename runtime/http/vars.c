/* vars: see vars.h. */
#include "runtime/http/vars.h"

#include <stdio.h>

#include <weir/stats.h>

#include "runtime/http/samples.h"

static weir_mem_stats stats;

static void add_var_count(text_t *text, const char *name, uint64_t value)
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
        add_var_count(text, "Mallocs", stats.by_size[i].mallocs);
        add_var_count(text, "Frees", stats.by_size[i].frees);
        text_add_char(text, '}');
    }
    text_add_char(text, ']');
}

/* `is_fresh`: read the statistics now; otherwise use what was read last, as for the samples. */
static void add_memstats(text_t *text, bool is_fresh)
{
    static bool was_read;
    char fraction[40];
    if (is_fresh || !was_read)
        weir_read_mem_stats(&stats);
    was_read = true;
    text_add_str(text, ", \"memstats\": {\"Alloc\": ");
    text_add_u64(text, stats.alloc);
    add_var_count(text, "TotalAlloc", stats.total_alloc);
    add_var_count(text, "Sys", stats.sys);
    add_var_count(text, "Lookups", stats.lookups);
    add_var_count(text, "Mallocs", stats.mallocs);
    add_var_count(text, "Frees", stats.frees);
    add_var_count(text, "HeapAlloc", stats.heap_alloc);
    add_var_count(text, "HeapSys", stats.heap_sys);
    add_var_count(text, "HeapIdle", stats.heap_idle);
    add_var_count(text, "HeapInuse", stats.heap_inuse);
    add_var_count(text, "HeapReleased", stats.heap_released);
    add_var_count(text, "HeapObjects", stats.heap_objects);
    add_var_count(text, "StackInuse", stats.stack_inuse);
    add_var_count(text, "StackSys", stats.stack_sys);
    add_var_count(text, "MSpanInuse", stats.mspan_inuse);
    add_var_count(text, "MSpanSys", stats.mspan_sys);
    add_var_count(text, "MCacheInuse", stats.mcache_inuse);
    add_var_count(text, "MCacheSys", stats.mcache_sys);
    add_var_count(text, "BuckHashSys", stats.buck_hash_sys);
    add_var_count(text, "GCSys", stats.gc_sys);
    add_var_count(text, "OtherSys", stats.other_sys);
    add_var_count(text, "NextGC", stats.next_gc);
    add_var_count(text, "LastGC", stats.last_gc);
    add_var_count(text, "PauseTotalNs", stats.pause_total_ns);
    add_array(text, "PauseNs", stats.pause_ns);
    add_array(text, "PauseEnd", stats.pause_end);
    add_var_count(text, "NumGC", stats.num_gc);
    add_var_count(text, "NumForcedGC", stats.num_forced_gc);
    snprintf(fraction, sizeof fraction, ", \"GCCPUFraction\": %.9f", stats.gc_cpu_fraction);
    text_add_str(text, fraction);
    text_add_str(text, stats.enable_gc ? ", \"EnableGC\": true" : ", \"EnableGC\": false");
    text_add_str(text, ", \"DebugGC\": false");
    add_sizes(text);
    text_add_char(text, '}');
}

void vars_write(text_t *text)
{
    samples_t samples = samples_read();
    text_add_char(text, '{');
    samples_add_cmdline(text);
    add_memstats(text, samples.is_fresh);
    text_add_str(text, ", \"weir\": ");
    samples_add_numbers(text, &samples);
    text_add_str(text, "}\n");
}
