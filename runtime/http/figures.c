/* figures: see figures.h. */
#include "runtime/http/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <weir/pool.h>

#include "runtime/base/file.h"
#include "runtime/http/samples.h"

enum { POOLS_SHOWN = 200 };

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static uint64_t resident(void)
{
    char line[128] = "";
    file_read("/proc/self/statm", line, sizeof line);
    const char *second = strchr(line, ' ');
    return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void add_count(text_t *text, const char *key, uint64_t value)
{
    text_add_str(text, key);
    text_add_u64(text, value);
}

static void add_process(text_t *text)
{
    char line[160];
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    snprintf(line, sizeof line, "{\"time\": %.6f, \"cpu\": %.6f, \"faults\": %ld, \"pid\": %ld",
             seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID),
             usage.ru_minflt + usage.ru_majflt, (long)getpid());
    text_add_str(text, line);
    add_count(text, ", \"resident\": ", resident());
    text_add_str(text, ", ");
    samples_add_cmdline(text);
}

static void add_pauses(text_t *text, const samples_t *samples)
{
    const char *separator = "";
    text_add_str(text, ", \"pauses\": [");
    for (size_t i = 0; i < samples->count; i++) {
        const weir_metric_sample *sample = &samples->values[i];
        if (sample->kind != WEIR_METRIC_HISTOGRAM ||
            strcmp(sample->name, "/sched/pauses/total/gc:seconds") != 0)
            continue;
        const weir_metric_histogram *histogram = sample->value.histogram;
        for (size_t bucket = 0; bucket < histogram->buckets; bucket++) {
            char item[96], high[32] = "null";
            if (histogram->counts[bucket] == 0)
                continue;
            if (!isinf(histogram->bounds[bucket + 1]))
                snprintf(high, sizeof high, "%.9g", histogram->bounds[bucket + 1]);
            snprintf(item, sizeof item, "%s[%.9g, %s, %ju]", separator, histogram->bounds[bucket], high,
                     (uintmax_t)histogram->counts[bucket]);
            text_add_str(text, item);
            separator = ", ";
        }
    }
    text_add_char(text, ']');
}

typedef struct pools_shown {
    text_t *text;
    size_t count;
} pools_shown;

static bool add_pool(void *context, const weir_pool_stats *pool, size_t size)
{
    pools_shown *shown = context;
    (void)size;
    text_add_str(shown->text, shown->count > 0 ? ", {\"name\": " : "{\"name\": ");
    samples_add_string(shown->text, pool->name, strnlen(pool->name, sizeof pool->name));
    add_count(shown->text, ", \"held\": ", pool->held);
    add_count(shown->text, ", \"bytes\": ", pool->bytes_held);
    add_count(shown->text, ", \"gets\": ", pool->gets);
    add_count(shown->text, ", \"hits\": ", pool->hits);
    text_add_char(shown->text, '}');
    return ++shown->count < POOLS_SHOWN;
}

void figures_write(text_t *text, const char *changes)
{
    samples_t samples = samples_read();
    pools_shown shown = {.text = text};
    add_process(text);
    text_add_str(text, ", \"changes\": \"");
    text_add_str(text, changes);
    text_add_str(text, "\", \"metrics\": ");
    samples_add_numbers(text, &samples);
    add_pauses(text, &samples);
    text_add_str(text, ", \"pools\": [");
    weir_pool_each(add_pool, &shown);
    text_add_str(text, "]}\n");
}
