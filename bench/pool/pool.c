/* What a pool costs beside malloc and free, as Go benchmark lines.
 *
 *   pool [SECONDS]     of each measurement; 0.3 unless given
 *
 *   source=pool      weir_pool_get and weir_pool_put
 *   source=malloc    malloc and free of whatever library the program runs on (LD_PRELOAD), the object initialised
 *                    each time, as whoever has no pool must
 *
 *   Pair             one object, taken and given back
 *   Burst            64 taken, 64 given back; per object
 *   Pipe             one thread takes, another gives back; per object
 *
 * kind: what an object costs to make: 64 bytes uninitialised (nothing), 64 bytes and 200 ns of work, 4 KiB of bytes. A
 * name ends in the number of threads, all doing the same; ns/op is per thread, so that it stays if they do not disturb
 * each other.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/pool.h>

enum { BURST = 64, MOST_THREADS = 2 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* --- objects --- */

enum kind { NOTHING, WORK_200NS, FILL_4KIB, KINDS };
static const char *const kind_names[] = {"nothing", "200ns", "4KiB"};
static const size_t kind_sizes[] = {64, 64, 4096};

static uint64_t work_rounds; /* of 200 ns */

static uint64_t work(uint64_t rounds)
{
    uint64_t x = rounds;
    for (uint64_t i = 0; i < rounds; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

static void calibrate(void)
{
    double start = now();
    work(1000000);
    work_rounds = (uint64_t)(200.0 / ((now() - start) / 1e6));
}

static void *make(void *kind)
{
    enum kind which = (enum kind)(uintptr_t)kind;
    char *p = malloc(kind_sizes[which]);
    if (!p)
        abort();
    if (which == WORK_200NS)
        *(uint64_t *)(void *)p = work(work_rounds);
    if (which == FILL_4KIB)
        memset(p, 1, kind_sizes[which]);
    return p;
}

static void drop(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

/* --- what is measured --- */

typedef struct job {
    enum kind kind;
    weir_pool *pool; /* NULL: malloc and free */
    uint64_t n;
    double ns;
} job_t;

static inline void *take(const job_t *job)
{
    void *p = job->pool ? weir_pool_get(job->pool) : make((void *)(uintptr_t)job->kind);
    __asm__ volatile("" : : "r"(p) : "memory");
    return p;
}

static inline void give(const job_t *job, void *p)
{
    if (job->pool)
        weir_pool_put(job->pool, p);
    else
        free(p);
}

static void pair(job_t *job)
{
    for (uint64_t i = 0; i < job->n; i++)
        give(job, take(job));
}

static void burst(job_t *job)
{
    void *held[BURST];
    for (uint64_t i = 0; i < job->n; i += BURST) {
        for (int j = 0; j < BURST; j++)
            held[j] = take(job);
        for (int j = 0; j < BURST; j++)
            give(job, held[j]);
    }
}

/* A ring between the two threads of the pipe. */
enum { RING = 1024 };
static struct {
    void *slots[RING];
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;
} ring;

/* Spin a little; then the other thread may need this processor. */
static void pause_or_yield(int *spins)
{
    if (++*spins % 256)
        __builtin_ia32_pause();
    else
        sched_yield();
}

static void *pipe_end(void *argument)
{
    job_t *job = argument;
    int spins = 0;
    for (uint64_t i = 0; i < job->n; i++) {
        while (atomic_load_explicit(&ring.head, memory_order_acquire) == i)
            pause_or_yield(&spins);
        give(job, ring.slots[i % RING]);
        atomic_store_explicit(&ring.tail, i + 1, memory_order_release);
    }
    return NULL;
}

static void pipe_through(job_t *job)
{
    pthread_t other;
    int spins = 0;
    ring.head = ring.tail = 0;
    pthread_create(&other, NULL, pipe_end, job);
    for (uint64_t i = 0; i < job->n; i++) {
        while (i - atomic_load_explicit(&ring.tail, memory_order_acquire) == RING)
            pause_or_yield(&spins);
        ring.slots[i % RING] = take(job);
        atomic_store_explicit(&ring.head, i + 1, memory_order_release);
    }
    pthread_join(other, NULL);
}

/* --- measuring --- */

typedef struct runner {
    void (*run)(job_t *job);
    job_t job;
} runner_t;

static void *runner_enter(void *argument)
{
    runner_t *runner = argument;
    double start = now();
    runner->run(&runner->job);
    runner->job.ns = now() - start;
    return NULL;
}

/* Nanoseconds until the slowest thread was through. */
static double run_threads(void (*run)(job_t *job), job_t job, int threads)
{
    pthread_t others[MOST_THREADS];
    runner_t runners[MOST_THREADS];
    double longest = 0;
    for (int i = 0; i < threads; i++) {
        runners[i] = (runner_t){run, job};
        if (pthread_create(&others[i], NULL, runner_enter, &runners[i]) != 0)
            abort();
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(others[i], NULL);
        longest = runners[i].job.ns > longest ? runners[i].job.ns : longest;
    }
    return longest;
}

static void measure(const char *name, void (*run)(job_t *job), job_t job, int threads, double seconds)
{
    double ns = 0;
    for (job.n = 6400; (ns = run_threads(run, job, threads)) < seconds * 1e8; job.n *= 2)
        ;
    job.n = (uint64_t)((double)job.n * seconds * 1e9 / ns) / BURST * BURST + BURST;
    ns = run_threads(run, job, threads);
    printf("Benchmark%s/source=%s/kind=%s-%d\t%10lu\t%10.3f ns/op\n", name, job.pool ? "pool" : "malloc",
           kind_names[job.kind], threads, (unsigned long)job.n, ns / (double)job.n);
    fflush(stdout);
}

static void measure_all(enum kind kind, bool pooled, double seconds)
{
    job_t job = {.kind = kind};
    if (pooled)
        job.pool = weir_pool_new(
            &(weir_pool_options){.new_object = make, .drop = drop, .ctx = (void *)(uintptr_t)kind});
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        measure("Pair", pair, job, threads, seconds);
        measure("Burst", burst, job, threads, seconds);
    }
    measure("Pipe", pipe_through, job, 1, seconds);
    weir_pool_free(job.pool);
}

int main(int count, char **arguments)
{
    double seconds = count > 1 ? atof(arguments[1]) : 0.3;
    calibrate();
    for (enum kind kind = NOTHING; kind < KINDS; kind++)
        for (int pooled = 0; pooled < 2; pooled++)
            measure_all(kind, pooled, seconds);
}
