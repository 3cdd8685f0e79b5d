/* A program under a soft limit with memory that its malloc knows nothing of: 200 MiB come and go beside a
 * heap that churns, 100 MiB of it live. Resident memory stays below the limit plus 2 % all the time, since
 * all of it fits.
 *
 *     beside LIMIT-MIB mmap            private mappings
 *     beside LIMIT-MIB threads         stacks of 64 threads
 *     beside LIMIT-MIB LIBRARY         blocks of the malloc in that shared library
 *
 * A third argument has each reading printed, tab-separated: its number, and in MiB what is resident, foreign,
 * and live (bench/limit/picture). */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"

enum {
    MIB = 1 << 20,
    FOREIGN = 200 * MIB,
    THREADS = 64,
    STEPS = 100,
    STEP = FOREIGN / STEPS,
    LIVE = 100 * MIB
};

/* --- what is not malloc's: parts that are taken and given in turn --- */

static struct kind {
    void (*take)(int part), (*give)(int part);
    int parts;
} kind;

static char *maps[STEPS];

static void map_take(int part)
{
    maps[part] = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(maps[part] != MAP_FAILED);
    memset(maps[part], 1, STEP);
}

static void map_give(int part)
{
    munmap(maps[part], STEP);
}

static struct sleeper {
    pthread_t thread;
    sem_t there, end;
} sleepers[THREADS];

static void *use_stack(void *argument)
{
    struct sleeper *self = argument;
    char stack[FOREIGN / THREADS];
    memset(hide(stack), 1, sizeof stack);
    sem_post(&self->there);
    sem_wait(&self->end);
    return NULL;
}

static void thread_take(int part)
{
    struct sleeper *self = &sleepers[part];
    CHECK(sem_init(&self->there, 0, 0) == 0 && sem_init(&self->end, 0, 0) == 0);
    CHECK(pthread_create(&self->thread, NULL, use_stack, self) == 0);
    sem_wait(&self->there);
}

static void thread_give(int part)
{
    sem_post(&sleepers[part].end);
    CHECK(pthread_join(sleepers[part].thread, NULL) == 0);
}

enum { BLOCK = 10000, BLOCKS = STEP / BLOCK };
static void *blocks_of_other[STEPS][BLOCKS];
static void *(*other_malloc)(size_t);
static void (*other_free)(void *);

static void other_take(int part)
{
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks_of_other[part][i] = other_malloc(BLOCK), 1, BLOCK);
}

static void other_give(int part)
{
    for (int i = 0; i < BLOCKS; i++)
        other_free(blocks_of_other[part][i]);
}

static struct kind kind_of(const char *name)
{
    if (strcmp(name, "mmap") == 0)
        return (struct kind){map_take, map_give, STEPS};
    if (strcmp(name, "threads") == 0)
        return (struct kind){thread_take, thread_give, THREADS};
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    other_malloc = (void *(*)(size_t))dlsym(library, "malloc");
    other_free = (void (*)(void *))dlsym(library, "free");
    CHECK(other_malloc && other_free && (void *)other_malloc != (void *)malloc);
    return (struct kind){other_take, other_give, STEPS};
}

/* --- what is resident --- */

static size_t limit, highest, foreign, live;
static bool is_traced;

static void trace(size_t resident)
{
    static int number;
    if (is_traced)
        printf("%d\t%zu\t%zu\t%zu\n", ++number, resident / MIB, foreign / MIB, live / MIB);
}

static void check_resident(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        sscanf(line, "RssAnon: %zu", &kib);
    fclose(file);
    highest = kib << 10 > highest ? kib << 10 : highest;
    trace(kib << 10);
}

/* --- what is malloc's --- */

static void *blocks[1 << 16];
static size_t count;
static uint64_t random_state = 1;

static void free_down_to(size_t bytes)
{
    while (live > bytes) {
        size_t at = (random_next(&random_state) >> 16) % count;
        live -= malloc_usable_size(blocks[at]);
        free(blocks[at]);
        blocks[at] = blocks[--count];
    }
}

static void allocate_up_to(size_t bytes)
{
    while (live < bytes) {
        size_t size = random_size(&random_state, 17);
        void *p = malloc(size);
        CHECK(p != NULL && count < sizeof blocks / sizeof *blocks);
        memset(p, 1, size);
        live += malloc_usable_size(p);
        blocks[count++] = p;
    }
}

/* A heap that breathes holds idle memory, as much as the knob lets it. */
static void breathe(size_t by)
{
    free_down_to(LIVE - by);
    check_resident();
    allocate_up_to(LIVE);
    check_resident();
}

int main(int argc, char **argv)
{
    CHECK(argc == 3 || argc == 4);
    is_traced = argc == 4;
    limit = strtoull(argv[1], NULL, 10) * MIB;
    kind = kind_of(argv[2]);
    for (int round = 0; round < 2; round++) {
        allocate_up_to(round == 0 ? 3 * LIVE : LIVE); /* other mallocs keep what was theirs */
        check_resident();
        free_down_to(LIVE);
        for (int part = 0; part < kind.parts; part++) {
            kind.take(part);
            foreign += FOREIGN / kind.parts;
            breathe(LIVE / 10);
        }
        for (int i = 0; i < 5; i++)
            breathe(LIVE / 5 * 4);
        for (int part = 0; part < kind.parts; part++)
            kind.give(part);
        foreign = 0;
        for (int i = 0; i < 30 && round == 0; i++) { /* foreign memory counts half a second longer */
            sleep_ms(20);
            breathe(LIVE / 100);
        }
    }
    fprintf(stderr, "highest %zu of %zu KiB\n", highest >> 10, limit >> 10);
    return highest > limit + limit / 50;
}
