/* 10,000 short-lived threads, 8 at a time, each with blocks of many sizes of which some are freed by its
 * successors: what the process holds after the first tenth is what it holds at the end. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { THREADS = 10000, AT_ONCE = 8, BLOCKS = 60, SLOTS = 256, ALLOWED_GROWTH_KIB = 8 * 1024 };

static _Atomic(void *) slots[SLOTS]; /* where threads leave blocks for others */

static void *body(void *seed)
{
    uint64_t random = (uintptr_t)seed * 2 + 1;
    void *own[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        size_t size = random_size(&random, 15);
        own[i] = malloc(size);
        CHECK(own[i] != NULL);
        memset(own[i], 1, size);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(i % 4 ? own[i] : atomic_exchange(&slots[random_next(&random) % SLOTS], own[i]));
    return NULL;
}

static long resident_kib(void)
{
    char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    CHECK(file >= 0);
    ssize_t length = read(file, text, sizeof text - 1);
    CHECK(length > 0);
    close(file);
    text[length] = '\0';
    const char *rss = strstr(text, "\nRss:");
    CHECK(rss != NULL);
    return strtol(rss + 5, NULL, 10);
}

int main(void)
{
    long early = 0;
    for (uintptr_t i = 0; i < THREADS; i += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (uintptr_t j = 0; j < AT_ONCE; j++)
            CHECK(pthread_create(&threads[j], NULL, body, (void *)(i + j)) == 0);
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_join(threads[j], NULL) == 0);
        if (i == THREADS / 10)
            early = resident_kib();
    }
    long late = resident_kib();
    if (late > early + ALLOWED_GROWTH_KIB) {
        fprintf(stderr, "resident after %d threads %ld KiB, after %d threads %ld KiB\n", THREADS / 10, early,
                THREADS, late);
        return 1;
    }
}
