/* Threads that have allocated and freed, and sleep: what they cached is the process's again.
 *
 *     idle-threads THREADS trim       malloc_trim gives it back
 *     idle-threads THREADS cycle      so does one cycle that is asked for
 *     idle-threads THREADS limit      and the one that a soft limit makes
 *     idle-threads THREADS MIB        main can have so many MiB (under a hard limit that has no room for
 *                                     both) */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
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

/* Anonymous pages; MiB. /proc/self/status would add up counters that lag behind, one for each processor. */
static long resident(void)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        sscanf(line, "Anonymous: %ld", &kib);
    fclose(file);
    return kib >> 10;
}

/* Threads that do not wait in a system call, by the letter behind the name, which is in brackets. */
static long awake(void)
{
    char name[300], line[512];
    long count = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        snprintf(name, sizeof name, "/proc/self/task/%s/stat", task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(name, "r");
        if (!file)
            continue;
        const char *state = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        count += !state || state[2] != 'S';
        fclose(file);
    }
    closedir(tasks);
    return count;
}

static void *of_weir(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);
    CHECK(function != NULL);
    return function;
}

/* One cycle, once all but this thread sleep. */
static void give_back(const char *how, long live)
{
    while (awake() > 1)
        sleep_ms(1);
    if (strcmp(how, "trim") == 0)
        malloc_trim(0);
    else if (strcmp(how, "cycle") == 0)
        ((void (*)(void))of_weir("weir_free_os_memory"))();
    else
        ((int64_t(*)(int64_t))of_weir("weir_set_memory_limit"))((int64_t)(live + live / 20) << 20);
    long held = resident(), most = live + live / 10;
    printf("%ld MiB before anything was allocated, %ld MiB after all was freed\n", live, held);
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
    while (awake() > 1) /* until all have begun to use their stacks */
        sleep_ms(1);
    long live = resident();
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&all_free);
    if (wanted == 0)
        give_back(argv[2], live);
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
