// size-range: each thread replaces random blocks of its own, of sizes from one range: what a pair of malloc
// and free costs for medium sizes, alone and beside others. The blocks are written at both ends, no more.
#include <pthread.h>

#include "workload.h"

struct job {
    struct block *blocks;
    size_t live, low, range;
    uint64_t count;
    random_state random;
};

static void *replace(void *argument)
{
    struct job *job = argument;
    for (uint64_t i = 0; i < job->count; i++) {
        struct block *block = &job->blocks[random_below(&job->random, job->live)];
        block_free(*block);
        *block = block_new(job->low + random_below(&job->random, job->range));
    }
    blocks_free(job->blocks, job->live);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS, LOW, HIGH, LIVE, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [THREADS] = {"threads", 2, "threads at a time"},
        [LOW] = {"low", 1 << 10, "the smallest block, bytes"},
        [HIGH] = {"high", 30 << 10, "the largest"},
        [LIVE] = {"live", 64, "blocks live per thread"},
        [COUNT] = {"count", 4 << 20, "blocks replaced in all"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t threads = arguments[THREADS].value, low = arguments[LOW].value, high = arguments[HIGH].value;
    if (!threads || low < 8 || high < low || !arguments[LIVE].value)
        fail("at least one thread, one block and eight bytes; high no less than low");

    pthread_t *ids = table_new(threads, sizeof *ids);
    struct job *jobs = table_new(threads, sizeof *jobs);
    double start = now_seconds();
    for (size_t t = 0; t < threads; t++) {
        jobs[t] = (struct job){table_new(arguments[LIVE].value, sizeof(struct block)),
                               arguments[LIVE].value,
                               low,
                               high - low + 1,
                               arguments[COUNT].value / threads,
                               t + 1};
        if (pthread_create(&ids[t], NULL, replace, &jobs[t]))
            fail("no thread");
    }
    for (size_t t = 0; t < threads; t++)
        pthread_join(ids[t], NULL);
    double seconds = now_seconds() - start;
    for (size_t t = 0; t < threads; t++)
        free(jobs[t].blocks);
    free(jobs);
    free(ids);
    report_rate("size-range", arguments[COUNT].value, seconds);
    return 0;
}
