/* Misuse of a block between inaccessible pages (WEIR_DEBUG=guard=1), one kind in each run: guarded KIND.
 * `guarded works` misuses nothing, and does what a heap has to be able to do. */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { SLOTS = 256, BLOCKS = 2000, THREADS = 4 };

static volatile char sink;

/* Every other block is at its page's end. */
static char *at_end(size_t size)
{
    for (;;) {
        char *p = malloc(size);
        if (((uintptr_t)p + size) % 4096 == 0)
            return p;
    }
}

static char *at_start(size_t size)
{
    for (;;) {
        char *p = malloc(size);
        if ((uintptr_t)p % 4096 == 0)
            return p;
    }
}

static void misuse(const char *kind)
{
    char *p;
    if (strcmp(kind, "overflow") == 0)
        ((volatile char *)at_end(48))[48] = 1;
    else if (strcmp(kind, "read-past") == 0)
        sink = at_end(64)[64];
    else if (strcmp(kind, "underflow") == 0)
        ((volatile char *)at_start(48))[-1] = 1;
    else if (strcmp(kind, "overflow-inside") == 0)
        (p = malloc(41))[41] = 1, free(p);
    else if (strcmp(kind, "underflow-inside") == 0)
        (p = at_end(48))[-1] = 1, free(p);
    else if (strcmp(kind, "use-after-free") == 0)
        free(p = malloc(40)), ((volatile char *)p)[12] = 1;
    else if (strcmp(kind, "double-free") == 0)
        free(p = malloc(40)), free(p);
    else if (strcmp(kind, "realloc-after-free") == 0)
        free(p = malloc(40)), p = realloc(p, 100);
    else if (strcmp(kind, "interior") == 0)
        free((char *)malloc(40) + 16);
    else
        exit(2);
}

static void *churn(void *argument)
{
    unsigned char *blocks[BLOCKS / 10] = {0};
    unsigned random = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < BLOCKS; i++) {
        random = random * 1103515245 + 12345;
        unsigned at = random >> 16, place = at % (BLOCKS / 10);
        size_t size = at % 6000 + 1;
        CHECK(!blocks[place] || blocks[place][0] == place % 251);
        free(blocks[place]);
        blocks[place] = at % 3 ? malloc(size) : calloc(1, size);
        CHECK(blocks[place] && (at % 3 || blocks[place][size - 1] == 0));
        CHECK(malloc_usable_size(blocks[place]) >= size);
        memset(blocks[place], (int)(place % 251), size);
        blocks[place] = realloc(blocks[place], size + at % 100);
        CHECK(blocks[place] && blocks[place][size - 1] == place % 251);
    }
    for (int i = 0; i < BLOCKS / 10; i++)
        free(blocks[i]);
    return NULL;
}

static void churn_in_threads(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* More blocks than there are pages for, all in use at once; freed, the pages serve again. */
static void exhaust(void)
{
    static char *blocks[4 * SLOTS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4 * SLOTS; i++)
            memset(blocks[i] = malloc(100), i, 100);
        for (int i = 0; i < 4 * SLOTS; i++) {
            CHECK(blocks[i][99] == (char)i);
            free(blocks[i]);
        }
    }
}

static void align(void)
{
    for (size_t alignment = 16; alignment <= 8192; alignment *= 2)
        for (size_t size = 1; size < 5000; size = size * 3 + 1) {
            char *p = aligned_alloc(alignment, size);
            CHECK(p && (uintptr_t)p % alignment == 0 && malloc_usable_size(p) >= size);
            memset(p, 1, malloc_usable_size(p));
            free(p);
        }
}

static void fork_amid(void)
{
    char *block = malloc(100);
    memset(block, 7, 100);
    pid_t child = fork();
    if (child == 0) {
        CHECK(block[99] == 7);
        free(block);
        churn((void *)9);
        _exit(0);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    free(block);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "works") != 0) {
        misuse(arguments[1]);
        return 0;
    }
    exhaust();
    align();
    churn_in_threads();
    fork_amid();
    puts("works");
}
