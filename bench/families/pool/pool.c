/* pool: objects are taken from a source and given back. sources/ has a file for each; -DSOURCE chooses one.
 * One op is one object, but in Under_limit one round.
 *
 *     Pair                one object
 *     Burst_of_64         64 taken, 64 given back
 *     Parallel_pair       pairs on all processors; wall time over all objects
 *     Producer_consumer   one thread takes, another gives back
 *     Under_limit         2048 objects of 4 KiB taken and given back; then a block of 26 MiB is allocated,
 *                         written and freed. A limit of 32 MiB has no room for both
 *
 * go/ is the same over sync.Pool.
 */
#include <pthread.h>

#include <weir/bench.h>

#include "../ring.h"

#include SOURCE

static void for_each_make(struct bench *b, bench_body *body)
{
    static bool started;
    if (!started)
        objects_start();
    started = true;
    for (size_t i = 0; i < MAKES; i++) {
        source_t *source = source_open(&makes[i]);
        bench_run(b, makes[i].name, body, source);
        source_close(source);
    }
}

static void pair(struct bench *b, void *source)
{
    while (bench_loop(b))
        source_give(source, bench_keep(source_take(source)));
}

BENCH(pair)
{
    for_each_make(b, pair);
}

/* Whole bursts only: the last one may be more than was asked for. */
static void bursts(int64_t n, source_t *source, size_t burst, void **objects)
{
    for (int64_t i = 0; i < n; i += (int64_t)burst) {
        for (size_t k = 0; k < burst; k++)
            objects[k] = bench_keep(source_take(source));
        for (size_t k = 0; k < burst; k++)
            source_give(source, objects[k]);
    }
}

static void burst(struct bench *b, void *source)
{
    void *objects[64];
    bursts(b->n, source, 64, objects);
}

BENCH(burst_of_64)
{
    for_each_make(b, burst);
}

static void pairs_of_worker(struct bench_worker *worker, void *source)
{
    while (bench_next(worker))
        source_give(source, bench_keep(source_take(source)));
}

static void parallel(struct bench *b, void *source)
{
    bench_run_parallel(b, pairs_of_worker, source);
}

BENCH(parallel_pair)
{
    for_each_make(b, parallel);
}

struct consumer {
    struct ring ring;
    source_t *source;
    int64_t objects; /* to be handed over in all */
};

static void *consume(void *argument)
{
    struct consumer *consumer = argument;
    for (int64_t i = 0; i < consumer->objects; i++)
        source_give(consumer->source, ring_take(&consumer->ring, i));
    return NULL;
}

static void hand_over(struct bench *b, void *source)
{
    static struct consumer consumer;
    pthread_t thread;
    consumer.source = source;
    consumer.objects = b->n;
    if (pthread_create(&thread, NULL, consume, &consumer) != 0) {
        bench_fail(b, "no thread");
        return;
    }
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        ring_put(&consumer.ring, i, source_take(source));
    pthread_join(thread, NULL);
}

BENCH(producer_consumer)
{
    for_each_make(b, hand_over);
}

enum { LIMITED = 2048, BLOCK = 26 << 20, LIMIT = 32 << 20 };

static void under_limit(struct bench *b, void *source)
{
    static void *objects[LIMITED];
    source_limit(LIMIT);
    for (int64_t i = 0; i < b->n; i++) {
        bursts(1, source, LIMITED, objects);
        void *block = block_new(BLOCK);
        memset(block, 1, BLOCK);
        block_free(bench_keep(block));
    }
    source_limit(INT64_MAX);
}

BENCH(under_limit)
{
    source_t *source = source_open(&makes[MAKE_4KIB]);
    bench_run(b, makes[MAKE_4KIB].name, under_limit, source);
    source_close(source);
}
