/* Threads begin and end while another one collects. They may be stopped before the runtime knows them, and
 * they leave pointers on stacks on which later threads begin. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"

enum { HELD = 300, ROUNDS = 300 * 1000 };

static atomic_bool stop;

static void *leave_pointers(void *block)
{
    void *volatile held[HELD];
    for (int i = 0; i < HELD; i++)
        held[i] = malloc(24);
    CHECK(*(char *)block == 'b');
    (void)held;
    return block;
}

static void *start_threads(void *unused)
{
    while (!stop) {
        pthread_t thread;
        char *block = malloc(100);
        void *result;
        *block = 'b';
        CHECK(pthread_create(&thread, NULL, leave_pointers, block) == 0);
        block = NULL;
        CHECK(pthread_join(thread, &result) == 0 && *(char *)result == 'b');
    }
    return unused;
}

int main(void)
{
    pthread_t starter;
    CHECK(pthread_create(&starter, NULL, start_threads, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        void *volatile garbage = malloc(64);
        (void)garbage;
    }
    stop = true;
    pthread_join(starter, NULL);
    return 0;
}
