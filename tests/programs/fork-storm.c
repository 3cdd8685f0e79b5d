/* fork while other threads allocate: the child finds a heap that works, whatever those threads were in the
 * middle of, keeps the contents of what it inherits, can free it, can start threads and fork again. A heap
 * that takes a lock with it into the child hangs; the script that runs this limits the time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"

enum { THREADS = 4, FORKS = 60, BLOCKS = 400 };

struct block {
    void *start;
    size_t size;
};

static atomic_bool stop;
static struct block shared[BLOCKS]; /* written before the threads start, read by children */

static struct block block_new(uint64_t *random, unsigned high)
{
    struct block b = {.size = random_size(random, high)};
    b.start = malloc(b.size);
    CHECK(b.start != NULL);
    fill(b.start, b.size);
    return b;
}

static void block_free(struct block b)
{
    CHECK(is_filled(b.start, b.size));
    free(b.start);
}

static void churn(uint64_t seed, int rounds, unsigned high)
{
    uint64_t random = seed;
    struct block mine[64] = {{0}};
    for (int i = 0; i < rounds; i++) {
        struct block *b = &mine[random_next(&random) % 64];
        if (b->start)
            block_free(*b);
        *b = block_new(&random, high);
    }
    for (int i = 0; i < 64; i++)
        if (mine[i].start)
            block_free(mine[i]);
}

static void *churn_until_stopped(void *seed)
{
    while (!stop)
        churn((uint64_t)(uintptr_t)seed, 2000, 20);
    return NULL;
}

static void *churn_a_little(void *seed)
{
    churn((uint64_t)(uintptr_t)seed, 300, 14);
    return NULL;
}

static int wait_for(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void child_main(int depth)
{
    for (int i = 0; i < BLOCKS; i++)
        block_free(shared[i]);
    churn(4711, 500, 21);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, churn_a_little, (void *)99) == 0);
    if (depth < 2) {
        pid_t grandchild = fork();
        CHECK(grandchild >= 0);
        if (grandchild == 0) {
            churn(815, 500, 21);
            _exit(0);
        }
        CHECK(wait_for(grandchild) == 0);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    depth % 2 ? _exit(0) : exit(0); /* with and without exit handlers */
}

static void *fork_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            child_main(i % 4);
        CHECK(wait_for(child) == 0);
        churn((uint64_t)i + 1, 50, 16);
    }
    return NULL;
}

int main(void)
{
    uint64_t random = 42;
    for (int i = 0; i < BLOCKS; i++)
        shared[i] = block_new(&random, 18);
    pthread_t threads[THREADS], forker;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, churn_until_stopped, (void *)(uintptr_t)(i + 1)) == 0);
    /* Not only from the main thread, and while the main thread allocates too. */
    CHECK(pthread_create(&forker, NULL, fork_often, NULL) == 0);
    for (int i = 0; i < 20; i++)
        churn(7, 100, 18);
    fork_often(NULL);
    CHECK(pthread_join(forker, NULL) == 0);
    stop = true;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < BLOCKS; i++)
        block_free(shared[i]);
}
