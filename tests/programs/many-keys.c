/* A program with more thread keys than the C library keeps room for in a thread: setting a later one
 * allocates. An allocator that keeps a key of its own is entered again then, from wherever it sets it; so
 * threads begin here with every kind of first allocation there is, large ones first. Keys are made before
 * main, as a C++ library would, and threads start while others work in the same part of the heap. */
#include <pthread.h>
#include <stdlib.h>

#include "check.h"

enum { KEYS = 45 /* over 32 */, THREADS = 16, GENERATIONS = 12, BLOCKS = 24 };

static pthread_key_t keys[KEYS];

__attribute__((constructor)) static void make_keys(void)
{
    for (int i = 0; i < KEYS; i++)
        CHECK(pthread_key_create(&keys[i], free) == 0);
}

static const size_t first_sizes[] = {5 << 20, 3000000, 1 << 20, 200000, 40000, 2000, 40, 0, 9 << 20};
enum { FIRST_SIZES = sizeof first_sizes / sizeof first_sizes[0] };

/* 2, 3, 4 ... MiB and a bit: all of them need the part of the heap that is shared and slept until now. */
static void fill_and_free_large(uint64_t seed)
{
    void *blocks[BLOCKS] = {0};
    size_t sizes[BLOCKS] = {0};
    for (int i = 0; i < 4 * BLOCKS; i++) {
        uint64_t at = random_next(&seed) % BLOCKS;
        if (blocks[at])
            CHECK(is_filled(blocks[at], sizes[at]));
        free(blocks[at]);
        sizes[at] = random_size(&seed, 23);
        blocks[at] = malloc(sizes[at]);
        CHECK(blocks[at] != NULL);
        fill(blocks[at], sizes[at]);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

static void *work(void *argument)
{
    size_t number = (size_t)argument, size = first_sizes[number % FIRST_SIZES];
    void *first = number % 2 ? calloc(1, size) : malloc(size);
    CHECK(first != NULL);
    for (int i = KEYS; i-- > 0;)
        CHECK(pthread_setspecific(keys[i], malloc((size_t)i * 100)) == 0);
    fill_and_free_large(number + 1);
    free(first);
    return NULL;
}

int main(void)
{
    for (size_t generation = 0; generation < GENERATIONS; generation++) {
        pthread_t threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, work, (void *)(generation * THREADS + i)) == 0);
        for (size_t i = 0; i < THREADS; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
}
