/* stack-use BYTES: no entry point of malloc takes more stack than BYTES, at the first call and at later ones,
 * for blocks of every kind. Each call is made on a stack that was painted before; what it wrote over is what
 * it took, the switch to it and back included. Linked with -z now, so that the dynamic linker's own use does
 * not count. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"

enum { STACK = 1 << 20, PAINT = 0xa5 };

static char *stack;
static ucontext_t back, on_stack;
static size_t worst;
static size_t budget;

/* --- the calls --- */

static size_t size;
static void *block, *others[64];

static void call_malloc(void)
{
    block = malloc(size);
}

static void call_free(void)
{
    free(block);
    block = NULL;
}

static void call_calloc(void)
{
    block = calloc(1, size);
}

static void call_grow(void)
{
    block = realloc(block, size * 2 + 1);
}

static void call_shrink(void)
{
    block = realloc(block, size / 3 + 1);
}

static void call_aligned(void)
{
    block = aligned_alloc(4096, size);
}

static void call_strict(void)
{
    block = memalign(4 << 20, size);
}

static void call_usable(void)
{
    size += malloc_usable_size(block) == 1; /* never */
}

static void call_trim(void)
{
    malloc_trim(0);
}

static void call_mallinfo(void)
{
    size += mallinfo2().arena == 1; /* never */
}

static void call_stats(void)
{
    malloc_stats();
}

static void call_malloc_many(void)
{
    for (int i = 0; i < 64; i++)
        others[i] = malloc(size);
}

static void call_free_many(void)
{
    for (int i = 0; i < 64; i++)
        free(others[i]);
}

/* --- measuring --- */

static void measure(const char *name, void (*call)(void))
{
    memset(stack, PAINT, STACK);
    CHECK(getcontext(&on_stack) == 0);
    on_stack.uc_stack.ss_sp = stack;
    on_stack.uc_stack.ss_size = STACK;
    on_stack.uc_link = &back;
    makecontext(&on_stack, call, 0);
    CHECK(swapcontext(&back, &on_stack) == 0);
    size_t untouched = 0;
    while (untouched < STACK && (unsigned char)stack[untouched] == PAINT)
        untouched++;
    size_t used = STACK - untouched;
    if (used > budget)
        fprintf(stderr, "%s of %zu bytes: %zu bytes of stack\n", name, size, used);
    worst = used > worst ? used : worst;
}

static const size_t sizes[] = {0, 1, 100, 5000, 40000, 100000, 1500000, 3000000, 50000000};

static void all_of_size(size_t bytes)
{
    size = bytes;
    static const struct {
        const char *name;
        void (*call)(void);
    } calls[] = {{"malloc", call_malloc},  {"usable_size", call_usable}, {"realloc", call_grow},
                 {"realloc", call_shrink}, {"free", call_free},          {"calloc", call_calloc},
                 {"free", call_free},      {"aligned", call_aligned},    {"free", call_free},
                 {"aligned", call_strict}, {"free", call_free},          {"trim", call_trim}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        measure(calls[i].name, calls[i].call);
    size = bytes > 200000 ? 200000 : bytes;
    measure("malloc", call_malloc_many);
    measure("free", call_free_many);
}

/* What others freed comes back, and threads end. */
static void *elsewhere(void *unused)
{
    call_free_many();
    call_malloc_many();
    return unused;
}

/* Its heap is tended while it sleeps. */
static sem_t wakes, sleeps;
static void *asleep(void *unused)
{
    call_malloc_many();
    call_free_many();
    sem_post(&sleeps);
    while (sem_wait(&wakes) != 0) {
    }
    return unused;
}

static void with_sleeper(void)
{
    pthread_t thread;
    size = 1000;
    CHECK(sem_init(&wakes, 0, 0) == 0 && sem_init(&sleeps, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, asleep, NULL) == 0 && sem_wait(&sleeps) == 0);
    for (int i = 0; i < 50; i++) {
        measure("trim beside a sleeper", call_trim);
        usleep(1000);
    }
    measure("mallinfo2", call_mallinfo);
    int err = dup(2), null = open("/dev/null", O_WRONLY);
    CHECK(err >= 0 && null >= 0 && dup2(null, 2) == 2);
    measure("malloc_stats", call_stats);
    CHECK(dup2(err, 2) == 2);
    sem_post(&wakes);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void with_threads(size_t bytes)
{
    pthread_t thread;
    size = bytes;
    call_malloc_many();
    CHECK(pthread_create(&thread, NULL, elsewhere, NULL) == 0 && pthread_join(thread, NULL) == 0);
    measure("free", call_free_many);
    measure("malloc", call_malloc_many);
    measure("free", call_free_many);
    measure("trim", call_trim);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    budget = strtoul(argv[1], NULL, 10);
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            all_of_size(sizes[i]);
        for (size_t i = 1; i < sizeof sizes / sizeof sizes[0]; i++)
            with_threads(sizes[i] > 200000 ? 200000 : sizes[i]);
    }
    with_sleeper();
    size = 20000; /* the heap grows, and falls */
    for (int i = 0; i < 500; i++) {
        measure("malloc", call_malloc_many);
        if (i % 7)
            measure("free", call_free_many);
    }
    printf("worst %zu\n", worst);
    return worst > budget;
}
