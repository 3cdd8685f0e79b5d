// stall: how long a small allocation takes while other threads cause memory to be released. Half of the threads take
// and free bursts of large blocks. The blocks of a burst are either of up to 1 MiB or of 2 to 8 MiB, at random: near a
// limit the memory that one kind has left idle must be released before the other fits. The other threads keep blocks
// of up to 4 KiB and replace them at random; their allocations are timed. All sleep for a millisecond now and then, so
// that the processors are not the bottleneck. An allocation that took long and in which the thread went to sleep has
// waited for another thread: the kernel counts that (ru_nvcsw), and a thread that was only preempted does not count.
// machine=1: the small blocks come from no allocator, which shows what the scheduler does by itself.
#include <pthread.h>
#include <sys/resource.h>

#include "../workloads/workload.h"

enum { SUBDIVISIONS = 16, BUCKETS = 64 * SUBDIVISIONS, BATCH = 500, BURST_MOST = 512, LONG_NS = 100 * 1000 };

// Times in ns: each doubling in sixteen parts.
struct histogram {
    uint64_t counts[BUCKETS], all, longest;
};

static size_t bucket_of(uint64_t ns)
{
    if (ns < SUBDIVISIONS)
        return ns;
    unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
    return (octave - 3) * SUBDIVISIONS + (ns >> (octave - 4)) % SUBDIVISIONS;
}

// The greatest time of a bucket.
static uint64_t bucket_top(size_t bucket)
{
    unsigned octave = (unsigned)(bucket / SUBDIVISIONS) + 3;
    return bucket < SUBDIVISIONS ? bucket : ((SUBDIVISIONS + bucket % SUBDIVISIONS + 1) << (octave - 4)) - 1;
}

static void note(struct histogram *times, uint64_t ns)
{
    times->counts[bucket_of(ns)]++;
    times->all++;
    if (ns > times->longest)
        times->longest = ns;
}

static uint64_t quantile(const struct histogram *times, double share)
{
    uint64_t below = 0, wanted = (uint64_t)((double)times->all * share);
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        if ((below += times->counts[bucket]) > wanted)
            return bucket_top(bucket) < times->longest ? bucket_top(bucket) : times->longest;
    return times->longest;
}

static void add(struct histogram *sum, const struct histogram *times)
{
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        sum->counts[bucket] += times->counts[bucket];
    sum->all += times->all;
    if (times->longest > sum->longest)
        sum->longest = times->longest;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t sleeps_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_nvcsw;
}

enum { THREADS, SECONDS, LIVE, BURST, MACHINE, ARGUMENTS };
static struct argument arguments[ARGUMENTS] = {
    [THREADS] = {"threads", 16, "threads"},
    [SECONDS] = {"seconds", 3, "for so long"},
    [LIVE] = {"live", 64 * MIB, "bytes of small blocks, of all threads together"},
    [BURST] = {"burst", 64 * MIB, "bytes of large blocks, likewise, if all have a burst at once"},
    [MACHINE] = {"machine", 0, "1: small blocks from no allocator"},
};

struct thread {
    pthread_t id;
    random_state random;
    bool is_large;
    size_t share; // bytes
    size_t count; // of slots
    void **slots;
    struct histogram times;
    uint64_t sleeps;              // as read last
    uint64_t waits, longest_wait; // of allocations; ns
};

static void *take_timed(struct thread *thread, size_t size)
{
    static char blocks[64 * 1024];
    uint64_t from = now_ns();
    void *block = arguments[MACHINE].value ? blocks + (size & ~(size_t)63) : malloc(size);
    uint64_t ns = now_ns() - from;
    note(&thread->times, ns);
    if (ns >= LONG_NS) {
        uint64_t before = thread->sleeps;
        thread->sleeps = sleeps_now();
        thread->waits += thread->sleeps != before;
        if (thread->sleeps != before && ns > thread->longest_wait)
            thread->longest_wait = ns;
    }
    return block;
}

static void replace(struct thread *thread)
{
    void **slot = &thread->slots[random_below(&thread->random, thread->count)];
    size_t size = random_size(&thread->random, 5, 12);
    if (!arguments[MACHINE].value)
        free(*slot);
    *slot = take_timed(thread, size);
    if (!*slot)
        fail("out of memory");
    memset(*slot, 1, size < 64 ? size : 64);
}

static void burst(struct thread *thread)
{
    void *blocks[BURST_MOST];
    size_t left = thread->share, count = 0;
    unsigned low = random_next(&thread->random) & 1 ? 16 : 21;
    while (left > 0 && count < BURST_MOST) {
        size_t size = random_size(&thread->random, low, low == 16 ? 20 : 23);
        size = size < left ? size : left;
        blocks[count] = malloc(size);
        if (!blocks[count])
            fail("out of memory");
        pages_touch(blocks[count++], size);
        left -= size;
    }
    while (count > 0)
        free(blocks[--count]);
}

static void *work(void *argument)
{
    struct thread *thread = argument;
    double end = now_seconds() + (double)arguments[SECONDS].value;
    while (now_seconds() < end) {
        thread->sleeps = sleeps_now();
        if (thread->is_large)
            burst(thread);
        for (size_t i = 0; !thread->is_large && i < BATCH; i++)
            replace(thread);
        sleep_seconds(0.001);
    }
    return NULL;
}

static void start(struct thread *thread, size_t number)
{
    enum { MEAN = 1000 }; // bytes of random_size(5, 12), about
    size_t half = (arguments[THREADS].value + 1) / 2;
    thread->random = number + 1;
    thread->is_large = number % 2;
    thread->share = arguments[thread->is_large ? BURST : LIVE].value / half;
    thread->count = thread->share / MEAN;
    thread->slots = table_new(thread->count, sizeof *thread->slots);
    if (pthread_create(&thread->id, NULL, work, thread))
        fail("no thread");
}

int main(int argc, char **argv)
{
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t count = arguments[THREADS].value;
    struct thread *threads = table_new(count, sizeof *threads);
    for (size_t i = 0; i < count; i++)
        start(&threads[i], i);
    struct histogram all = {0};
    uint64_t waits = 0, longest_wait = 0;
    for (size_t i = 0; i < count; i++) {
        struct thread *thread = &threads[i];
        pthread_join(thread->id, NULL);
        add(&all, &thread->times);
        waits += thread->waits;
        longest_wait = thread->longest_wait > longest_wait ? thread->longest_wait : longest_wait;
    }
    printf("99%%: %.3f us\n99.99%%: %.3f us\nlongest: %.3f ms\n", (double)quantile(&all, 0.99) / 1e3,
           (double)quantile(&all, 0.9999) / 1e3, (double)all.longest / 1e6);
    printf("waited: %" PRIu64 " times, at most %.3f ms\n", waits, (double)longest_wait / 1e6);
    report_rate("stall", all.all, (double)arguments[SECONDS].value);
}
