// short-threads: many threads that live for a few hundred allocations each. Most blocks die with their
// thread; a few outlive it and are freed by a later one.
#include <pthread.h>

#include "workload.h"

enum { OWN_BLOCKS = 200, LEFT_BLOCKS = 20 };

struct job {
    struct block left[LEFT_BLOCKS];
    random_state random;
};

static void *work(void *argument)
{
    struct job *job = argument;
    struct block own[OWN_BLOCKS];
    blocks_free(job->left, LEFT_BLOCKS);
    for (size_t i = 0; i < OWN_BLOCKS; i++)
        own[i] = block_new(random_size(&job->random, 4, 11));
    blocks_free(own, OWN_BLOCKS);
    for (size_t i = 0; i < LEFT_BLOCKS; i++)
        job->left[i] = block_new(random_size(&job->random, 4, 11));
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [THREADS] = {"threads", 4, "threads at a time"},
        [COUNT] = {"count", 40000, "threads in all"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t threads = arguments[THREADS].value, rounds = arguments[COUNT].value / threads;

    pthread_t *ids = table_new(threads, sizeof *ids);
    struct job *jobs = table_new(threads, sizeof *jobs);
    for (size_t t = 0; t < threads; t++)
        jobs[t].random = 1000 + t;
    double start = now_seconds();
    for (size_t round = 0; round < rounds; round++) {
        for (size_t t = 0; t < threads; t++)
            if (pthread_create(&ids[t], NULL, work, &jobs[t]))
                fail("no thread");
        for (size_t t = 0; t < threads; t++)
            pthread_join(ids[t], NULL);
    }
    report_rate("short-threads", (uint64_t)rounds * threads * (OWN_BLOCKS + LEFT_BLOCKS),
                now_seconds() - start);
    for (size_t t = 0; t < threads; t++)
        blocks_free(jobs[t].left, LEFT_BLOCKS);
    free(jobs);
    free(ids);
    return 0;
}
