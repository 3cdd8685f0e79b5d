/* parallel: bench_run_parallel. Threads take shares of the iterations from one counter, each worth about
 * 100 microseconds by what the last call took, so that the counter is rarely touched and a slow thread
 * holds nobody up. After Go's B.RunParallel, but the time begins when all threads have started and ends
 * when the last one has returned from the body: making a thread costs more than an iteration of many
 * benchmarks.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bench/harness/harness.h"

enum { SHARE_NANOSECONDS = 100000, SHARE_MAX = 10000 };

struct shared {
    _Alignas(128) _Atomic int64_t taken; /* by all threads; the last shares may take it past `total` */
    _Alignas(128) int64_t total, share;  /* these four are constant while threads run */
    bench_parallel_body *body;
    void *context;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t changed;
    enum { GATE_CLOSED, GATE_OPEN, GATE_CANCELLED } gate;
    int here, done; /* threads that have come to the gate; whose body has returned */
};

bool bench_next_share(struct bench_worker *worker)
{
    struct shared *shared = worker->shared;
    int64_t begin = atomic_fetch_add_explicit(&shared->taken, shared->share, memory_order_relaxed);
    int64_t left = shared->total - begin;
    if (left <= 0) {
        worker->left = 0; /* so that a further call comes here again */
        return false;
    }
    worker->left = (left < shared->share ? left : shared->share) - 1; /* this call is one of them */
    return true;
}

static void *work(void *argument)
{
    struct shared *shared = argument;
    pthread_mutex_lock(&shared->mutex);
    shared->here++;
    pthread_cond_broadcast(&shared->changed);
    while (shared->gate == GATE_CLOSED)
        pthread_cond_wait(&shared->changed, &shared->mutex);
    bool cancelled = shared->gate == GATE_CANCELLED;
    pthread_mutex_unlock(&shared->mutex);
    if (cancelled)
        return NULL;
    struct bench_worker worker = {.left = 0, .shared = shared};
    shared->body(&worker, shared->context);
    pthread_mutex_lock(&shared->mutex);
    shared->done++;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->mutex);
    return NULL;
}

static void wait_for_all(struct shared *shared, const int *number, int threads)
{
    pthread_mutex_lock(&shared->mutex);
    while (*number < threads)
        pthread_cond_wait(&shared->changed, &shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
}

static void set_gate(struct shared *shared, int gate)
{
    pthread_mutex_lock(&shared->mutex);
    shared->gate = gate;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->mutex);
}

static int64_t share_size(const struct run *run)
{
    double share = run->last_elapsed > 0 ? (double)SHARE_NANOSECONDS * run->last_n / run->last_elapsed : 1;
    return share < 1 ? 1 : share > SHARE_MAX ? SHARE_MAX : (int64_t)share;
}

/* With all threads at the gate. */
static void run_timed(struct bench *b, struct shared *shared, int threads)
{
    bench_start_timer(b);
    set_gate(shared, GATE_OPEN);
    wait_for_all(shared, &shared->done, threads);
    bench_stop_timer(b);
    if (atomic_load(&shared->taken) < shared->total)
        bench_fail(b, "the threads returned before bench_next was false");
}

void bench_run_parallel(struct bench *b, bench_parallel_body *body, void *context)
{
    const struct run *run = b->run;
    bool timed = run->timer_runs;
    bench_stop_timer(b);
    struct shared shared = {.total = b->n,
                            .share = share_size(run),
                            .body = body,
                            .context = context,
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
    int threads = run->threads * run->parallelism, made = 0;
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    while (ids != NULL && made < threads && pthread_create(&ids[made], NULL, work, &shared) == 0)
        made++;
    if (made == threads) {
        wait_for_all(&shared, &shared.here, made);
        run_timed(b, &shared, made);
    } else {
        set_gate(&shared, GATE_CANCELLED);
        bench_fail(b, "cannot start %d threads", threads);
    }
    while (made > 0)
        pthread_join(ids[--made], NULL);
    free(ids);
    if (timed)
        bench_start_timer(b);
}
