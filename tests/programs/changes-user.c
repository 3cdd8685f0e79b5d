/* setuid and its relatives: the C library has every thread of the process change its user, those of the runtime
 * included, and waits for each of them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 3, SIZE = 1000, BATCH = 20 * 1000, BATCHES = 5 };

static atomic_int forgetting;
static void *volatile last;

static void forget_some(void)
{
    for (int i = 0; i < BATCH; i++) {
        char *block = malloc(SIZE);
        CHECK(block);
        block[0] = 1;
        last = block;
    }
}

static void *forget(void *unused)
{
    for (int i = 0; i < BATCHES; i++)
        forget_some();
    forgetting--;
    return unused;
}

static void *end(void *unused)
{
    free(malloc(SIZE));
    return unused;
}

/* A thread that ends gives its stack back, under the lock that setuid holds while it waits. */
static void *come_and_go(void *unused)
{
    while (forgetting) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, end, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    return unused;
}

static void change(void)
{
    CHECK(setresuid(-1, -1, -1) == 0 && setresgid(-1, -1, -1) == 0);
    CHECK(setuid(getuid()) == 0 && setgid(getgid()) == 0);
}

int main(void)
{
    pthread_t threads[THREADS];
    forget_some(); /* the runtime's threads are there */
    change();
    forgetting = THREADS - 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, i ? forget : come_and_go, NULL) == 0);
    while (forgetting)
        change();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}
