/* metrics: see metrics.h. The rows of metrics.def name their sources. Only the sources that the samples need
 * are read, once for all samples. Names are found by bisection.
 */
#include "runtime/observe/metrics.h"

#include <errno.h>
#include <string.h>

#include <weir/control.h>
#include <weir/pool.h>

#include "runtime/cells/classes.h"
#include "runtime/control/control.h"
#include "runtime/cycle/percent.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/pauses.h"
#include "runtime/observe/stats.h"

_Atomic uint64_t metrics_endpoint_bytes;

/* --- the table --- */

#define UINT64(id, name, cumulative, needs, value, description)                                              \
    {name, description, WEIR_METRIC_UINT64, cumulative},
#define FLOAT64(id, name, cumulative, needs, value, description)                                             \
    {name, description, WEIR_METRIC_FLOAT64, cumulative},
#define HISTOGRAM(id, name, cumulative, needs, fill, description)                                            \
    {name, description, WEIR_METRIC_HISTOGRAM, cumulative},
static const weir_metric table[] = {
#include "runtime/observe/metrics.def"
};
#undef UINT64
#undef FLOAT64
#undef HISTOGRAM

#define UINT64(id, name, cumulative, needs, value, description) ROW_##id,
#define FLOAT64(id, name, cumulative, needs, value, description) ROW_##id,
#define HISTOGRAM(id, name, cumulative, needs, fill, description) ROW_##id,
enum {
#include "runtime/observe/metrics.def"
    METRICS,
};
#undef UINT64
#undef FLOAT64
#undef HISTOGRAM

const weir_metric *metrics_all(size_t *count)
{
    *count = METRICS;
    return table;
}

/* The row of a name; METRICS: there is none. */
static size_t find(const char *name)
{
    size_t low = 0, high = METRICS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = name ? strcmp(name, table[middle].name) : -1;
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return METRICS;
}

/* --- the sources --- */

enum { NOTHING = 0, STATS = 1, POOLS = 2, GC = 4 };

typedef struct sources {
    weir_mem_stats stats;
    weir_pool_stats pools; /* the sums */
    gc_stats_t gc;
} sources_t;

static bool add_pool(void *context, const weir_pool_stats *stats, size_t size)
{
    weir_pool_stats *sum = context;
    (void)size;
    sum->gets += stats->gets;
    sum->hits += stats->hits;
    sum->misses += stats->misses;
    sum->steals += stats->steals;
    sum->puts += stats->puts;
    sum->drops += stats->drops;
    sum->held += stats->held;
    sum->bytes_held += stats->bytes_held;
    return true;
}

static unsigned needs_of(const weir_metric_sample *samples, size_t count)
{
#define UINT64(id, name, cumulative, needs, value, description) needs,
#define FLOAT64(id, name, cumulative, needs, value, description) needs,
#define HISTOGRAM(id, name, cumulative, needs, fill, description) needs,
    static const uint8_t needs_of_rows[] = {
#include "runtime/observe/metrics.def"
    };
#undef UINT64
#undef FLOAT64
#undef HISTOGRAM
    unsigned needs = NOTHING;
    for (size_t i = 0; i < count; i++) {
        size_t row = find(samples[i].name);
        needs |= row < METRICS ? needs_of_rows[row] : NOTHING;
    }
    return needs;
}

static void read_sources(sources_t *sources, unsigned needs)
{
    if (needs & STATS)
        stats_read_memory(&sources->stats);
    if (needs & GC)
        sources->gc = gc_read_stats();
    memset(&sources->pools, 0, sizeof sources->pools);
    if (needs & POOLS)
        weir_pool_each(add_pool, &sources->pools);
}

/* --- histograms --- */

/* Bounds are the sizes of cells. Bucket n counts the blocks of class n: [size(n - 1) + 1, size(n) + 1);
 * bucket 0 is [0, 1), since size(0) is 0. The last bucket counts what is larger. */
static double class_bounds[CLASS_COUNT + 2];

_Static_assert((int)CLASS_COUNT + 1 <= (int)WEIR_METRIC_BUCKETS &&
                   (int)PAUSES_BUCKETS <= (int)WEIR_METRIC_BUCKETS,
               "histograms have room for every bucket");

__attribute__((constructor)) static void fill_class_bounds(void)
{
    class_bounds[0] = 0;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        class_bounds[cls + 1] = (double)class_size(cls) + 1;
    class_bounds[CLASS_COUNT + 1] = __builtin_inf();
}

static void fill_allocs(weir_metric_histogram *histogram, const sources_t *sources)
{
    const weir_mem_stats *stats = &sources->stats;
    uint64_t small = 0;
    histogram->buckets = CLASS_COUNT + 1;
    histogram->bounds = class_bounds;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        small += histogram->counts[cls] = stats->by_size[cls].mallocs;
    histogram->counts[CLASS_COUNT] = stats->mallocs - small;
}

static void fill_frees(weir_metric_histogram *histogram, const sources_t *sources)
{
    const weir_mem_stats *stats = &sources->stats;
    uint64_t small = 0;
    histogram->buckets = CLASS_COUNT + 1;
    histogram->bounds = class_bounds;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        small += histogram->counts[cls] = stats->by_size[cls].frees;
    histogram->counts[CLASS_COUNT] = stats->frees - small;
}

static void fill_from(weir_metric_histogram *histogram, enum pauses_kind kind)
{
    histogram->buckets = PAUSES_BUCKETS;
    histogram->bounds = pauses_bounds();
    pauses_read(kind, histogram->counts);
}

static void fill_pauses(weir_metric_histogram *histogram, const sources_t *sources)
{
    (void)sources;
    fill_from(histogram, PAUSES_TOTAL);
}

static void fill_stopping(weir_metric_histogram *histogram, const sources_t *sources)
{
    (void)sources;
    fill_from(histogram, PAUSES_STOPPING);
}

/* --- reading --- */

static void fill(weir_metric_sample *sample, size_t row, const sources_t *sources)
{
    const weir_mem_stats *stats = &sources->stats;
    const weir_pool_stats *pools = &sources->pools;
    const gc_stats_t *gc = &sources->gc;
#define UINT64(id, name, cumulative, needs, read, description)                                               \
    case ROW_##id:                                                                                           \
        sample->value.uint64 = (read);                                                                       \
        break;
#define FLOAT64(id, name, cumulative, needs, read, description)                                              \
    case ROW_##id:                                                                                           \
        sample->value.float64 = (read);                                                                      \
        break;
#define HISTOGRAM(id, name, cumulative, needs, function, description)                                        \
    case ROW_##id:                                                                                           \
        memset(sample->value.histogram->counts, 0, sizeof sample->value.histogram->counts);                  \
        function(sample->value.histogram, sources);                                                          \
        break;
    switch (row) {
#include "runtime/observe/metrics.def"
    }
#undef UINT64
#undef FLOAT64
#undef HISTOGRAM
}

size_t metrics_read(weir_metric_sample *samples, size_t count)
{
    sources_t sources;
    size_t found = 0;
    int saved = errno;
    read_sources(&sources, needs_of(samples, count));
    for (size_t i = 0; i < count; i++) {
        size_t row = find(samples[i].name);
        bool has_room =
            row < METRICS && (table[row].kind != WEIR_METRIC_HISTOGRAM || samples[i].value.histogram);
        samples[i].kind = has_room ? table[row].kind : WEIR_METRIC_BAD;
        if (!has_room)
            continue;
        fill(&samples[i], row, &sources);
        found++;
    }
    errno = saved;
    return found;
}
