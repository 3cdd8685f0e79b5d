/* Metrics: the table; values compared with the account; histograms; a read that waits for no collection. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include <weir.h>
#include <weir/metrics.h>

#include "runtime/gc/cycle/pauses.h"

static uint64_t read_one(const char *name)
{
    weir_metric_sample sample = {.name = name};
    cr_assert_eq(weir_metrics_read(&sample, 1), 1, "%s", name);
    cr_assert_eq(sample.kind, WEIR_METRIC_UINT64);
    return sample.value.uint64;
}

static weir_metric_histogram *read_histogram(const char *name)
{
    static weir_metric_histogram histogram;
    weir_metric_sample sample = {.name = name, .value = {.histogram = &histogram}};
    cr_assert_eq(weir_metrics_read(&sample, 1), 1, "%s", name);
    cr_assert_eq(sample.kind, WEIR_METRIC_HISTOGRAM);
    return &histogram;
}

static uint64_t sum_of(const weir_metric_histogram *histogram)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < WEIR_METRIC_BUCKETS; i++)
        sum += histogram->counts[i];
    return sum;
}

Test(metrics, all_are_sorted_and_can_be_read)
{
    size_t count;
    const weir_metric *all = weir_metrics_all(&count);
    cr_assert_gt(count, 40);
    static weir_metric_sample samples[200];
    static weir_metric_histogram histograms[200];
    for (size_t i = 0; i < count; i++) {
        cr_expect(i == 0 || strcmp(all[i - 1].name, all[i].name) < 0, "%s", all[i].name);
        cr_expect(all[i].name[0] == '/' && strchr(all[i].name, ':') != NULL);
        cr_expect(strchr(all[i].description, '.') != NULL);
        samples[i] = (weir_metric_sample){.name = all[i].name};
        if (all[i].kind == WEIR_METRIC_HISTOGRAM)
            samples[i].value.histogram = &histograms[i];
    }
    errno = ERANGE;
    cr_expect_eq(weir_metrics_read(samples, count), count);
    cr_expect_eq(errno, ERANGE);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(samples[i].kind, all[i].kind, "%s", all[i].name);
        if (all[i].kind != WEIR_METRIC_HISTOGRAM)
            continue;
        const weir_metric_histogram *histogram = samples[i].value.histogram;
        cr_assert(histogram->buckets > 0 && histogram->buckets <= WEIR_METRIC_BUCKETS);
        for (size_t bucket = 0; bucket < histogram->buckets; bucket++)
            cr_assert_lt(histogram->bounds[bucket], histogram->bounds[bucket + 1], "%s %zu", all[i].name,
                         bucket);
    }
}

Test(metrics, names_that_do_not_exist_are_bad)
{
    weir_metric_sample samples[] = {
        {.name = "/gc/heap/allocs"},         {.name = ""},       {.name = NULL},
        {.name = "/gc/heap/allocs:objects"}, {.name = "/zzz:z"}, {.name = "/sched/pauses/total/gc:seconds"}};
    cr_expect_eq(weir_metrics_read(samples, 6), 1);
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(samples[i].kind, i == 3 ? WEIR_METRIC_UINT64 : WEIR_METRIC_BAD, "%zu", i);
    cr_expect_eq(weir_metrics_read(NULL, 0), 0);
}

Test(metrics, they_agree_with_the_account)
{
    void *blocks[1000];
    for (size_t i = 0; i < 1000; i++)
        blocks[i] = weir_malloc(i * 100);
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    cr_expect_eq(read_one("/gc/heap/allocs:objects"), stats.mallocs, "reading allocates nothing");
    cr_expect_eq(read_one("/gc/heap/allocs:bytes"), stats.total_alloc);
    cr_expect_eq(read_one("/gc/heap/objects:objects"), stats.heap_objects);
    cr_expect_eq(read_one("/memory/classes/total:bytes"), stats.sys);
    cr_expect_eq(read_one("/weir/memory/held:bytes"), stats.sys - stats.heap_released);
    cr_expect_eq(read_one("/weir/heap/large:objects"), stats.large_objects);
    cr_expect_eq(sum_of(read_histogram("/gc/heap/allocs-by-size:bytes")), stats.mallocs);
    cr_expect_eq(sum_of(read_histogram("/gc/heap/frees-by-size:bytes")), stats.frees);
    for (size_t i = 0; i < 1000; i++)
        weir_free(blocks[i]);
    cr_expect_geq(read_one("/gc/heap/frees:objects"), 1000);
}

/* Every byte is in one class. */
Test(metrics, the_classes_of_memory_add_up)
{
    size_t count;
    const weir_metric *all = weir_metrics_all(&count);
    weir_metric_sample samples[64];
    size_t used = 0, total = 0;
    void *block = weir_malloc(1 << 20);
    for (size_t i = 0; i < count; i++)
        if (strncmp(all[i].name, "/memory/classes/", 16) == 0) {
            total = strcmp(all[i].name, "/memory/classes/total:bytes") == 0 ? used : total;
            samples[used++] = (weir_metric_sample){.name = all[i].name};
        }
    cr_expect_eq(weir_metrics_read(samples, used), used);
    uint64_t sum = 0;
    for (size_t i = 0; i < used; i++)
        sum += i == total ? 0 : samples[i].value.uint64;
    cr_expect_eq(sum, samples[total].value.uint64);
    weir_free(block);
}

Test(metrics, the_histogram_of_pauses_has_every_one)
{
    for (int i = 0; i < 300; i++) {
        weir_gc_alloc(1000);
        weir_gc();
    }
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    cr_assert_geq(stats.num_gc, 300, "more than the ring has");
    weir_metric_histogram *pauses = read_histogram("/sched/pauses/total/gc:seconds");
    cr_expect_eq(sum_of(pauses), stats.num_gc);
    double least = 0, most = 0;
    for (size_t i = 0; i < pauses->buckets; i++) {
        least += (double)pauses->counts[i] * pauses->bounds[i];
        most += pauses->counts[i] ? (double)pauses->counts[i] * pauses->bounds[i + 1] : 0;
    }
    cr_expect(least <= (double)stats.pause_total_ns * 1e-9 && (double)stats.pause_total_ns * 1e-9 <= most,
              "%g %g %g", least, (double)stats.pause_total_ns * 1e-9, most);
    cr_expect_eq(read_one("/gc/cycles/total:gc-cycles"), stats.num_gc);
    cr_expect_eq(read_one("/gc/cycles/forced:gc-cycles"), stats.num_forced_gc);
    cr_expect_eq(sum_of(read_histogram("/sched/pauses/stopping/gc:seconds")), stats.num_gc);
    weir_metric_sample longest = {.name = "/weir/gc/pause-max:seconds"};
    weir_metrics_read(&longest, 1);
    cr_expect_float_eq(longest.value.float64, (double)stats.pause_max_ns * 1e-9, 1e-12);
    uint64_t of_ring = 0;
    for (size_t i = 0; i < WEIR_STATS_PAUSES; i++)
        of_ring = stats.pause_ns[i] > of_ring ? stats.pause_ns[i] : of_ring;
    cr_expect_geq(stats.pause_max_ns, of_ring);
}

Test(metrics, buckets_of_pauses_meet_their_bounds)
{
    const double *bounds = pauses_bounds();
    uint64_t before[PAUSES_BUCKETS], after[PAUSES_BUCKETS];
    for (uint64_t ns = 1; ns < (uint64_t)1 << 40; ns += 1 + ns / 7) {
        pauses_read(PAUSES_STOPPING, before);
        pauses_note(PAUSES_STOPPING, ns);
        pauses_read(PAUSES_STOPPING, after);
        for (uint32_t i = 0; i < PAUSES_BUCKETS; i++) {
            bool inside = (double)ns * 1e-9 >= bounds[i] * (1 - 1e-12) && (double)ns * 1e-9 < bounds[i + 1];
            cr_assert_eq(after[i] - before[i], inside, "%llu ns in bucket %u", (unsigned long long)ns, i);
        }
    }
}

Test(metrics, knobs_are_seen_at_once)
{
    weir_gc_alloc(100);
    weir_set_gc_percent(50);
    weir_set_memory_limit((int64_t)1 << 30);
    cr_expect_eq(read_one("/gc/gogc:percent"), 50);
    cr_expect_eq(read_one("/gc/gomemlimit:bytes"), 1 << 30);
    weir_set_gc_percent(-1);
    cr_expect_eq(read_one("/gc/gogc:percent"), UINT64_MAX);
    weir_set_memory_limit(INT64_MAX);
    cr_expect_eq(read_one("/gc/heap/goal:bytes"), UINT64_MAX,
                 "without growth rule and limit there is no goal");
}

/* In the middle of a cycle, with the collector's lock held, another thread reads. */
static sem_t in_cycle, has_read;
static uint64_t cycles_seen;

static void *reader(void *unused)
{
    sem_wait(&in_cycle);
    cycles_seen = read_one("/gc/cycles/total:gc-cycles");
    read_one("/gc/heap/objects:objects");
    read_one("/gc/heap/goal:bytes");
    sem_post(&has_read);
    return unused;
}

static void listener(void *context, const weir_event *event)
{
    bool *done = context;
    (void)event;
    if (*done)
        return;
    *done = true;
    sem_post(&in_cycle);
    while (sem_wait(&has_read) != 0)
        ;
}

Test(metrics, reading_waits_for_no_collection)
{
    pthread_t thread;
    bool done = false;
    sem_init(&in_cycle, 0, 0);
    sem_init(&has_read, 0, 0);
    weir_gc_alloc(100);
    weir_gc();
    cr_assert_eq(pthread_create(&thread, NULL, reader, NULL), 0);
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STARTED), listener, &done), 0);
    weir_gc();
    pthread_join(thread, NULL);
    cr_expect(done);
    cr_expect_geq(cycles_seen, 1);
    weir_event_unlisten(listener, &done);
}

static void *churn(void *end)
{
    while (!__atomic_load_n((bool *)end, __ATOMIC_RELAXED)) {
        for (int i = 0; i < 100; i++)
            weir_free(weir_malloc((size_t)i * 10));
        for (int i = 0; i < 100; i++)
            weir_gc_alloc(64);
    }
    return NULL;
}

Test(metrics, cumulative_ones_only_grow_beside_threads)
{
    bool end = false;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, &end), 0);
    uint64_t last[4] = {0};
    for (int round = 0; round < 300; round++) {
        static const char *const names[] = {"/gc/heap/allocs:objects", "/gc/cycles/total:gc-cycles",
                                            "/weir/os/released:bytes", "/weir/pools/gets:objects"};
        for (int i = 0; i < 4; i++) {
            uint64_t now = read_one(names[i]);
            cr_assert_geq(now + (i == 0 ? 200 : 0), last[i], "%s", names[i]);
            last[i] = now;
        }
    }
    __atomic_store_n(&end, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}
