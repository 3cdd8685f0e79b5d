/* objects: the objects that a pool saves the program from making. Their memory comes from block_new and
 * goes to block_free; each source defines both. */
#pragma once
#include <stdint.h>
#include <string.h>
#include <time.h>

/* What an object costs to make beside its memory: nothing, 200 ns of work, a write to each of its bytes. */
struct make {
    const char *name;
    size_t size;
    uint64_t work; /* steps */
    size_t filled; /* bytes */
};

enum { MAKE_NOTHING, MAKE_200NS, MAKE_4KIB, MAKES };
static struct make makes[] = {
    {"make=nothing", 64, 0, 0}, {"make=200ns", 64, 0, 8}, {"make=4KiB", 4096, 0, 4096}};

static inline uint64_t work(uint64_t steps)
{
    uint64_t x = steps;
    for (uint64_t i = 0; i < steps; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* Measures how many steps of work take 200 ns. To be called before any object is made. */
static inline void objects_start(void)
{
    enum { STEPS = 1000000 };
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    work(STEPS);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
    makes[MAKE_200NS].work = (uint64_t)(200 * STEPS / ns);
}

static inline void *object_make(void *context)
{
    const struct make *make = context;
    char *object = block_new(make->size);
    memset(object, (int)work(make->work), make->filled);
    *object = 1;
    return object;
}

static inline void object_drop(void *context, void *object)
{
    (void)context;
    block_free(object);
}
