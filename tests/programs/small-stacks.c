/* Threads with the smallest stack that the C library grants allocate blocks of every kind, the first thread
 * also the first block of the process, and end with a destructor that allocates and frees. */
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static const size_t sizes[] = {1, 100, 5000, 40000, 1500000, 3000000, 40000000};
enum { SIZES = sizeof sizes / sizeof sizes[0], THREADS = 40 };
static pthread_key_t key;

static void at_end(void *block)
{
    free(block);
    free(malloc(3000000));
}

static void *allocate(void *unused)
{
    for (int i = 0; i < SIZES; i++) {
        char *block = malloc(sizes[i]);
        CHECK(block != NULL);
        block[0] = 1;
        block = realloc(block, sizes[i] * 2 + 10000);
        CHECK(block != NULL && block[0] == 1);
        free(block);
        free(calloc(1, sizes[i]));
        free(aligned_alloc(1 << 22, sizes[i]));
    }
    malloc_trim(0);
    CHECK(pthread_setspecific(key, malloc(100)) == 0);
    return unused;
}

int main(void)
{
    pthread_attr_t attributes;
    CHECK(pthread_key_create(&key, at_end) == 0);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attributes, allocate, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}
