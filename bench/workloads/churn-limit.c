// churn-limit: keeps a fixed amount live while the sizes change from phase to phase, as a cache does whose
// entries change. The oldest go first, though not strictly: each victim is picked at random among the oldest
// thousand. A watcher thread follows the resident size; memory that one size no longer needs has to serve the
// next.
#include <pthread.h>
#include <stdatomic.h>

#include "workload.h"

enum { AMONG_OLDEST = 1000 };

static atomic_bool finished;

// Looks every millisecond; leaves the highest resident size seen, in bytes.
static void *watch(void *highest)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    while (!atomic_load(&finished)) {
        size_t resident = proc_number("/proc/self/statm", " ") * page;
        if (resident > *(size_t *)highest)
            *(size_t *)highest = resident;
        sleep_seconds(0.001);
    }
    return NULL;
}

// Every block is in exactly one of: oldest[0, count), or the list from `first` to `last`, in order of age.
struct cache {
    struct chained *oldest[AMONG_OLDEST];
    size_t count;
    struct chained *first, **last;
    size_t live;
};

static void cache_add(struct cache *cache, size_t size)
{
    struct chained *block = chained_new(size);
    *cache->last = block;
    cache->last = &block->next;
    cache->live += size;
}

static void cache_take_oldest(struct cache *cache)
{
    while (cache->count < AMONG_OLDEST && cache->first) {
        cache->oldest[cache->count++] = cache->first;
        cache->first = cache->first->next;
        if (!cache->first)
            cache->last = &cache->first;
    }
}

static void cache_drop(struct cache *cache, random_state *random)
{
    cache_take_oldest(cache);
    size_t victim = random_below(random, cache->count);
    struct chained *block = cache->oldest[victim];
    cache->oldest[victim] = cache->oldest[--cache->count];
    cache->live -= block->size;
    chained_free(block);
}

int main(int argc, char **argv)
{
    enum { LIVE, CHURN, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", 150 * MIB, "bytes live all the time"},
        [CHURN] = {"churn", 2, "times the live set is replaced in each phase"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t live = arguments[LIVE].value;
    static const struct {
        unsigned low, high; // sizes from 2^low to 2^high
    } phases[] = {{5, 7}, {9, 11},  {7, 9},  {12, 14}, {5, 10}, {16, 20},
                  {6, 8}, {14, 17}, {8, 12}, {20, 22}, {5, 9}};
    enum { PHASES = sizeof phases / sizeof *phases };

    static struct cache cache;
    cache.last = &cache.first;
    random_state random = 42;
    size_t highest = 0;
    pthread_t watcher;
    if (pthread_create(&watcher, NULL, watch, &highest))
        fail("no thread");

    uint64_t operations = 0;
    double start = now_seconds();
    for (size_t phase = 0; phase < PHASES; phase++)
        for (size_t replaced = 0; replaced < live * arguments[CHURN].value; operations++) {
            size_t size = random_size(&random, phases[phase].low, phases[phase].high);
            while (cache.live && cache.live + size > live)
                cache_drop(&cache, &random);
            cache_add(&cache, size);
            replaced += size;
        }
    double seconds = now_seconds() - start;
    atomic_store(&finished, true);
    pthread_join(watcher, NULL);
    while (cache.live)
        cache_drop(&cache, &random);

    printf("live: %.1f MiB\n", to_mib(live));
    printf("highest resident seen: %.1f MiB\n", to_mib(highest));
    printf("highest resident by the kernel: %.1f MiB\n",
           to_mib(proc_number("/proc/self/status", "VmHWM:") * KIB));
    report_rate("churn-limit", operations, seconds);
    return 0;
}
