/* Threads that have allocated and freed, and sleep: what they cached is the process's again.
 *
 *     idle-threads THREADS trim       malloc_trim gives it back
 *     idle-threads THREADS MIB        main can have so many MiB (under a hard limit that has no room for
 *                                     both) */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { EACH = 1 << 20, MOST = 4096 };

static pthread_barrier_t all_there, all_free, all_end;

static void *allocate_free_and_sleep(void *number)
{
    static const size_t sizes[] = {16, 48, 100, 333, 1000, 3000, 10000, 33000};
    uint64_t random = (size_t)number + 1;
    struct link {
        struct link *next;
    } *all = NULL, *link;
    free(malloc(100)); /* its stack and its heap are there */
    pthread_barrier_wait(&all_there);
    for (size_t held = 0; held < EACH; held += malloc_usable_size(link)) {
        link = malloc(sizes[random_next(&random) % 8]);
        CHECK(link != NULL);
        memset(link, 1, malloc_usable_size(link));
        link->next = all;
        all = link;
    }
    for (; all; all = link) {
        link = all->next;
        free(all);
    }
    pthread_barrier_wait(&all_free);
    pthread_barrier_wait(&all_end);
    free(malloc(100));
    return NULL;
}

/* Anonymous pages; MiB. */
static long resident(void)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        sscanf(line, "RssAnon: %ld", &kib);
    fclose(file);
    return kib >> 10;
}

/* Those that are still on their way to sleep go to sleep in the end. */
static void trim(long live)
{
    long held = resident(), most = live + live / 10 + 1;
    for (int i = 0; i < 5000 && held > most; i++, sleep_ms(1)) {
        malloc_trim(0);
        held = resident();
    }
    if (held > most)
        fprintf(stderr, "%ld MiB before anything was allocated, %ld MiB after all was freed\n", live, held);
    CHECK(held <= most);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    long threads = atol(argv[1]), wanted = atol(argv[2]);
    static pthread_t ids[MOST];
    pthread_attr_t small;
    CHECK(threads <= MOST);
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 1 << 20) == 0);
    CHECK(pthread_barrier_init(&all_there, NULL, (unsigned)threads + 1) == 0);
    CHECK(pthread_barrier_init(&all_free, NULL, (unsigned)threads + 1) == 0);
    CHECK(pthread_barrier_init(&all_end, NULL, (unsigned)threads + 1) == 0);
    for (long i = 0; i < threads; i++)
        CHECK(pthread_create(&ids[i], &small, allocate_free_and_sleep, (void *)i) == 0);
    sleep_ms(50); /* all are on their stacks */
    long live = resident();
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&all_free);
    if (strcmp(argv[2], "trim") == 0)
        trim(live);
    for (long i = 0; i < wanted; i++) {
        void *block = malloc(1 << 20);
        CHECK(block != NULL);
        memset(block, 1, 1 << 20);
    }
    pthread_barrier_wait(&all_end);
    for (long i = 0; i < threads; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    return 0;
}
