/* weir/metrics.h: the runtime's figures by name, after Go's package runtime/metrics.
 *
 * A name is a path and a unit, "/gc/heap/allocs:bytes". Metrics with Go's names have Go's meaning, as far as
 * it exists in a C heap. The names of weir's own metrics begin with /weir/. Names are only ever added.
 * docs/metrics.md lists them.
 *
 *     weir_metric_sample samples[] = {{.name = "/gc/heap/objects:objects"},
 *                                     {.name = "/memory/classes/total:bytes"}};
 *     weir_metrics_read(samples, 2);
 *     printf("%llu objects\n", (unsigned long long)samples[0].value.uint64);
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

typedef enum weir_metric_kind {
    WEIR_METRIC_BAD,      /* of a sample: there is no metric of this name, or no room for its histogram */
    WEIR_METRIC_UINT64,   /* value.uint64 */
    WEIR_METRIC_FLOAT64,  /* value.float64 */
    WEIR_METRIC_HISTOGRAM /* *value.histogram */
} weir_metric_kind;

/* What a metric is. Static and constant. */
typedef struct weir_metric {
    const char *name;
    const char *description; /* a sentence or more */
    weir_metric_kind kind;
    bool cumulative; /* it only grows, except when a count is reset: rates of it make sense */
} weir_metric;

enum { WEIR_METRIC_BUCKETS = 160 };

/* How many values were in each interval: counts[i] values were in [bounds[i], bounds[i + 1]). */
typedef struct weir_metric_histogram {
    size_t buckets;       /* in use, at most WEIR_METRIC_BUCKETS */
    const double *bounds; /* buckets + 1 of them, ascending; the last may be infinite. Static */
    uint64_t counts[WEIR_METRIC_BUCKETS]; /* 0 beyond `buckets` */
} weir_metric_histogram;

typedef struct weir_metric_sample {
    const char *name;      /* set by the caller */
    weir_metric_kind kind; /* set by weir_metrics_read */
    union {
        uint64_t uint64;
        double float64;
        weir_metric_histogram *histogram; /* set by the caller, to memory of its own; NULL: none */
    } value;
} weir_metric_sample;

WEIR_API_BEGIN

/* All metrics, sorted by name; *count is set to their number. Never fails; any thread may call it. After
 * metrics.All. */
WEIR_API const weir_metric *weir_metrics_all(size_t *count) WEIR_NOEXCEPT;

/* Fill in the samples. Returns how many of their names are metrics. Any thread may call it, also a listener
 * of WEIR_EVENT_CYCLE_END. It takes some microseconds, allocates nothing, waits for no collection and stops
 * no thread. Keeps errno. The samples of one call are as consistent as the fields of weir_read_mem_stats.
 * Uses some 20 KiB of stack. After metrics.Read. */
WEIR_API size_t weir_metrics_read(weir_metric_sample *samples, size_t count) WEIR_NOEXCEPT;

WEIR_API_END

#endif
