/* Threads that end in every order: destructors of keys that allocate and free, in every round the C library
 * grants, after the heap has seen the thread leave; blocks freed by others when their thread is gone;
 * detached, cancelled and exiting threads; the main thread leaving first. */
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"

enum { KEYS = 40 /* over 32: their values live in memory that is allocated */, THREADS = 200, HANDED = 50 };

static pthread_key_t keys[KEYS];
static atomic_int destructors;

struct value {
    int key, round;
    size_t size;
    char bytes[];
};

static struct value *value_new(int key, int round)
{
    size_t size = (size_t)(16 << (key % 12)) + (size_t)round;
    struct value *value = malloc(sizeof *value + size);
    CHECK(value != NULL);
    *value = (struct value){.key = key, .round = round, .size = size};
    fill(value->bytes, size);
    return value;
}

static void value_free(struct value *value)
{
    CHECK(is_filled(value->bytes, value->size));
    free(value);
}

/* Frees what it is given and allocates anew, in every round there is. */
static void destroy(void *p)
{
    struct value *value = p;
    int key = value->key, round = value->round;
    value_free(value);
    free(malloc(100000));
    destructors++;
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS - 1)
        CHECK(pthread_setspecific(keys[key], value_new(key, round + 1)) == 0);
}

static void *set_all_keys(void *unused)
{
    (void)unused;
    for (int i = 0; i < KEYS; i++)
        CHECK(pthread_setspecific(keys[i], value_new(i, 0)) == 0);
    return NULL;
}

static void destructors_in_every_round(void)
{
    for (int i = 0; i < THREADS; i += 4) {
        pthread_t thread[4];
        for (int j = 0; j < 4; j++)
            CHECK(pthread_create(&thread[j], NULL, set_all_keys, NULL) == 0);
        for (int j = 3; j >= 0; j--)
            CHECK(pthread_join(thread[j], NULL) == 0);
    }
    CHECK(destructors == THREADS * KEYS * PTHREAD_DESTRUCTOR_ITERATIONS);
}

/* A thread that never allocated, only frees, and one whose first allocation is in a destructor. */
static void *free_all(void *blocks)
{
    for (int i = 0; i < HANDED; i++)
        value_free(((struct value **)blocks)[i]);
    return NULL;
}

static void *set_one_key(void *value)
{
    CHECK(pthread_setspecific(keys[0], value) == 0);
    return NULL;
}

static void *hand_over(void *unused)
{
    (void)unused;
    struct value **blocks = malloc(HANDED * sizeof *blocks);
    CHECK(blocks != NULL);
    for (int i = 0; i < HANDED; i++)
        blocks[i] = value_new(i, 0);
    return blocks;
}

static void blocks_that_outlive_their_thread(void)
{
    enum { GENERATIONS = 60 };
    void *left[GENERATIONS];
    for (int i = 0; i < GENERATIONS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, hand_over, NULL) == 0);
        CHECK(pthread_join(thread, &left[i]) == 0);
    }
    for (int i = 0; i < GENERATIONS; i++) {
        pthread_t thread;
        if (i % 3 == 0) {
            free_all(left[i]);
        } else {
            CHECK(pthread_create(&thread, NULL, free_all, left[i]) == 0);
            CHECK(pthread_join(thread, NULL) == 0);
        }
        free(left[i]);
        CHECK(pthread_create(&thread, NULL, set_one_key, value_new(0, 0)) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

static sem_t detached_done;

static void post(void *p)
{
    free(p);
    sem_post(&detached_done);
}

static void *detached(void *unused)
{
    (void)unused;
    CHECK(pthread_detach(pthread_self()) == 0);
    pthread_cleanup_push(post, malloc(1000));
    void *p = malloc(10);
    free(p);
    pthread_exit(NULL);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *allocate_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        free(malloc(5000));
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        pthread_testcancel();
    }
    return NULL;
}

static void detached_and_cancelled(void)
{
    sem_init(&detached_done, 0, 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, detached, NULL) == 0);
        CHECK(pthread_create(&thread, NULL, allocate_for_ever, NULL) == 0);
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        while (sem_wait(&detached_done) != 0)
            ;
    }
}

static pthread_t main_thread;

static void *outlive_main(void *blocks)
{
    CHECK(pthread_join(main_thread, NULL) == 0);
    free_all(blocks);
    free(blocks);
    for (int i = 0; i < 1000; i++)
        free(malloc((size_t)i * 100));
    exit(0); /* the last thread: exit handlers run here */
}

int main(void)
{
    for (int i = 0; i < KEYS; i++)
        CHECK(pthread_key_create(&keys[i], destroy) == 0);
    destructors_in_every_round();
    blocks_that_outlive_their_thread();
    detached_and_cancelled();

    main_thread = pthread_self();
    pthread_t last;
    CHECK(pthread_create(&last, NULL, outlive_main, hand_over(NULL)) == 0);
    set_all_keys(NULL);
    pthread_exit(NULL);
}
