// random-replace: a server's pattern, after Larson and Krishnan 1998. Each thread replaces random blocks of
// an array; after a while it ends and a new thread takes over another thread's array, so that blocks are
// freed by threads that did not allocate them, often after the allocating thread has gone.
#include <pthread.h>

#include "workload.h"

struct job {
    struct block *blocks;
    size_t live;
    uint64_t count;
    random_state random;
};

static void *replace(void *argument)
{
    struct job *job = argument;
    for (uint64_t i = 0; i < job->count; i++) {
        struct block *block = &job->blocks[random_below(&job->random, job->live)];
        block_free(*block);
        *block = block_new(8 + random_below(&job->random, 1000));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS, LIVE, GENERATIONS, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [THREADS] = {"threads", 2, "threads at a time"},
        [LIVE] = {"live", 5000, "blocks live per thread"},
        [GENERATIONS] = {"handovers", 50, "how often the arrays change threads"},
        [COUNT] = {"count", 40 << 20, "blocks replaced in all"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t threads = arguments[THREADS].value, live = arguments[LIVE].value;
    size_t generations = arguments[GENERATIONS].value;
    uint64_t share = arguments[COUNT].value / threads / generations;

    pthread_t *ids = table_new(threads, sizeof *ids);
    struct job *jobs = table_new(threads, sizeof *jobs);
    for (size_t t = 0; t < threads; t++)
        jobs[t] = (struct job){table_new(live, sizeof(struct block)), live, share, 1000 + t};
    double start = now_seconds();
    for (size_t generation = 0; generation < generations; generation++) {
        for (size_t t = 0; t < threads; t++)
            if (pthread_create(&ids[t], NULL, replace, &jobs[(t + generation) % threads]))
                fail("no thread");
        for (size_t t = 0; t < threads; t++)
            pthread_join(ids[t], NULL);
    }
    report_rate("random-replace", share * threads * generations, now_seconds() - start);
    for (size_t t = 0; t < threads; t++) {
        blocks_free(jobs[t].blocks, live);
        free(jobs[t].blocks);
    }
    free(jobs);
    free(ids);
    return 0;
}
