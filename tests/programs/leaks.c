/* leaks: leaks of known sizes, each from a function of its own, and blocks that are in use at the end, found in all the
 * places where pointers may be. The tests compare what weir, valgrind and gcc's LeakSanitizer find.
 *
 *     leaks [clean]     clean: without the leaks
 *
 * Pointers are handed about in heap memory, and the stack is wiped, so that no stale word keeps a leak.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct node {
    struct node *volatile next;
    char filling[40];
} node_t;

static __attribute__((noinline)) void wipe(void)
{
    volatile char below[32 * 1024];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

/* --- leaks --- */

/* 3 blocks, 300 bytes, direct. */
__attribute__((noinline)) static void leak_direct(void)
{
    for (int i = 0; i < 3; i++)
        if (!malloc(100))
            abort();
}

/* 1 direct, 9 indirect. */
__attribute__((noinline)) static void leak_chain(void)
{
    node_t *first = NULL;
    for (int i = 0; i < 10; i++) {
        node_t *node = calloc(1, sizeof *node);
        node->next = first;
        first = node;
    }
}

/* 5 blocks that keep each other. */
__attribute__((noinline)) static void leak_ring(void)
{
    node_t *first = calloc(1, sizeof *first), *last = first;
    for (int i = 0; i < 4; i++) {
        last->next = calloc(1, sizeof *last);
        last = last->next;
    }
    last->next = first;
}

/* A large block, which alone knows a small one. */
__attribute__((noinline)) static void leak_inside(void)
{
    char *volatile *outer = calloc(1, 200000);
    outer[10000] = strdup("only a leaked block knows me");
}

static void *volatile cleared;
__attribute__((noinline)) static void leak_cleared(void)
{
    cleared = realloc(malloc(10), 777);
    cleared = NULL;
}

static void *leak_in_thread(void *unused)
{
    void *volatile local = malloc(1234);
    return local ? unused : NULL;
}

/* --- in use --- */

static char *volatile in_data, *volatile inside;
static char *volatile *volatile in_heap;
static __thread char *volatile in_thread;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;

static void *keep_in_thread(void *unused)
{
    char *volatile on_stack = malloc(3001);
    in_thread = malloc(3002);
    pthread_barrier_wait(&ready);
    pthread_mutex_lock(&gate); /* until the process ends */
    return on_stack + (in_thread != NULL) + (unused != NULL);
}

static void keep(void)
{
    pthread_t thread;
    in_data = malloc(2000);
    inside = (char *)malloc(2001) + 1000;
    in_heap = malloc(8 * sizeof *in_heap);
    for (int i = 0; i < 8; i++)
        in_heap[i] = malloc(50);
    in_thread = malloc(2002);
    free(malloc(4000));
    pthread_barrier_init(&ready, NULL, 2);
    pthread_mutex_lock(&gate);
    pthread_create(&thread, NULL, keep_in_thread, NULL);
    pthread_barrier_wait(&ready);
}

int main(int count, char **arguments)
{
    keep();
    if (count == 1) {
        pthread_t thread;
        leak_direct();
        leak_chain();
        leak_ring();
        leak_inside();
        leak_cleared();
        pthread_create(&thread, NULL, leak_in_thread, NULL);
        pthread_join(thread, NULL);
    }
    wipe();
    puts(arguments[0] ? "done" : "");
    return 0;
}
