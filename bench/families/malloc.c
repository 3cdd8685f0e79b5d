/* malloc: four ways in which programs use malloc: pairs of malloc and free, bursts, pairs on several threads,
 * blocks handed from one thread to another. One op is one block throughout. Every block is written to, as
 * programs do.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/bench.h>

#include "ring.h"

static const size_t sizes[] = {16, 64, 256, 1024, 4096};

/* A size chosen at run time, so that no compiler knows it. */
static void *block_new(size_t size)
{
    char *block = malloc(size);
    if (block == NULL)
        abort();
    *block = 1;
    return bench_keep(block);
}

static void for_each_size(struct bench *b, bench_body *body)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "size=%zu", sizes[i]);
        bench_run(b, name, body, (void *)&sizes[i]);
    }
}

static void pair(struct bench *b, void *context)
{
    size_t size = *(const size_t *)context;
    while (bench_loop(b))
        free(block_new(size));
}

BENCH(pair)
{
    for_each_size(b, pair);
}

static void burst(struct bench *b, void *context)
{
    enum { BURST = 64 };
    void *blocks[BURST];
    size_t size = *(const size_t *)context;
    for (int64_t i = 0; i < b->n; i += BURST) {
        for (int k = 0; k < BURST; k++)
            blocks[k] = block_new(size);
        for (int k = 0; k < BURST; k++)
            free(blocks[k]);
    }
}

BENCH(burst_of_64)
{
    for_each_size(b, burst);
}

static void pairs_of_worker(struct bench_worker *worker, void *context)
{
    size_t size = *(const size_t *)context;
    while (bench_next(worker))
        free(block_new(size));
}

static void parallel(struct bench *b, void *context)
{
    bench_run_parallel(b, pairs_of_worker, context);
}

BENCH(parallel_pair)
{
    for_each_size(b, parallel);
}

struct consumer {
    struct ring ring;
    int64_t blocks; /* to be handed over in all */
};

static void *consume(void *argument)
{
    struct consumer *consumer = argument;
    for (int64_t i = 0; i < consumer->blocks; i++)
        free(ring_take(&consumer->ring, i));
    return NULL;
}

static void hand_over(struct bench *b, void *context)
{
    static struct consumer consumer;
    size_t size = *(const size_t *)context;
    pthread_t thread;
    consumer.blocks = b->n;
    if (pthread_create(&thread, NULL, consume, &consumer) != 0) {
        bench_fail(b, "no thread");
        return;
    }
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        ring_put(&consumer.ring, i, block_new(size));
    pthread_join(thread, NULL);
}

BENCH(producer_consumer)
{
    for_each_size(b, hand_over);
}
