// producer-consumer: pairs of threads; one allocates blocks and hands them over in parcels, the other checks
// and frees them. Every free is a remote one. A short queue keeps the producer from running ahead.
#include <pthread.h>

#include "workload.h"

enum { PARCEL_BLOCKS = 100, QUEUE_PARCELS = 64 };

struct parcel {
    struct block blocks[PARCEL_BLOCKS];
};

struct pair {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct parcel *queue[QUEUE_PARCELS];
    size_t sent, received; // sent - received parcels are in the queue
    size_t parcels;        // to be sent in all
    random_state random;
};

static void parcel_send(struct pair *pair, struct parcel *parcel)
{
    pthread_mutex_lock(&pair->mutex);
    while (pair->sent - pair->received == QUEUE_PARCELS)
        pthread_cond_wait(&pair->changed, &pair->mutex);
    pair->queue[pair->sent++ % QUEUE_PARCELS] = parcel;
    pthread_cond_signal(&pair->changed);
    pthread_mutex_unlock(&pair->mutex);
}

static struct parcel *parcel_receive(struct pair *pair)
{
    pthread_mutex_lock(&pair->mutex);
    while (pair->sent == pair->received)
        pthread_cond_wait(&pair->changed, &pair->mutex);
    struct parcel *parcel = pair->queue[pair->received++ % QUEUE_PARCELS];
    pthread_cond_signal(&pair->changed);
    pthread_mutex_unlock(&pair->mutex);
    return parcel;
}

static void *produce(void *argument)
{
    struct pair *pair = argument;
    for (size_t p = 0; p < pair->parcels; p++) {
        struct parcel *parcel = malloc(sizeof *parcel);
        if (!parcel)
            fail("out of memory");
        for (size_t i = 0; i < PARCEL_BLOCKS; i++)
            parcel->blocks[i] = block_new(random_size(&pair->random, 4, 9));
        parcel_send(pair, parcel);
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct pair *pair = argument;
    for (size_t p = 0; p < pair->parcels; p++) {
        struct parcel *parcel = parcel_receive(pair);
        blocks_free(parcel->blocks, PARCEL_BLOCKS);
        free(parcel);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { PAIRS, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [PAIRS] = {"pairs", 1, "pairs of threads"},
        [COUNT] = {"count", 15 << 20, "blocks handed over in all"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t count = arguments[PAIRS].value;
    size_t parcels = arguments[COUNT].value / count / PARCEL_BLOCKS;

    struct pair *pairs = table_new(count, sizeof *pairs);
    pthread_t *ids = table_new(2 * count, sizeof *ids);
    double start = now_seconds();
    for (size_t p = 0; p < count; p++) {
        pthread_mutex_init(&pairs[p].mutex, NULL);
        pthread_cond_init(&pairs[p].changed, NULL);
        pairs[p].parcels = parcels;
        pairs[p].random = 1000 + p;
        if (pthread_create(&ids[2 * p], NULL, produce, &pairs[p]))
            fail("no thread");
        if (pthread_create(&ids[2 * p + 1], NULL, consume, &pairs[p]))
            fail("no thread");
    }
    for (size_t t = 0; t < 2 * count; t++)
        pthread_join(ids[t], NULL);
    report_rate("producer-consumer", parcels * count * PARCEL_BLOCKS, now_seconds() - start);
    free(ids);
    free(pairs);
    return 0;
}
