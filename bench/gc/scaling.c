// scaling: does collected memory scale with the threads that allocate it? For some seconds, each of N threads builds
// trees of 2^(depth + 1) - 1 nodes of two pointers, and drops each at once. Without an argument N is 1, 2, 4, 16 and 64
// in turn. To compare two builds, run them in turn: a rate depends on which cache the processors have in common.
#include <pthread.h>
#include <stdatomic.h>
#include <weir/gc.h>

#include "../workloads/workload.h"

enum { THREADS_MAX = 1024 };

struct node {
    struct node *left, *right;
};

static struct {
    unsigned depth;
    atomic_bool over;
    _Atomic uint64_t nodes;
} work;

static struct node *tree_new(unsigned depth)
{
    struct node *node = weir_gc_alloc(sizeof *node);
    if (!node)
        fail("out of memory");
    if (depth > 0) {
        node->left = tree_new(depth - 1);
        node->right = tree_new(depth - 1);
    }
    return node;
}

static void *thread_main(void *argument)
{
    uint64_t nodes = 0;
    while (!work.over) {
        tree_new(work.depth);
        nodes += ((uint64_t)2 << work.depth) - 1;
    }
    work.nodes += nodes;
    return argument;
}

static double objects_a_second(size_t count, double seconds)
{
    pthread_t threads[THREADS_MAX];
    work.over = false;
    work.nodes = 0;
    double start = now_seconds();
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, thread_main, NULL))
            fail("no thread");
    sleep_seconds(seconds);
    work.over = true;
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return (double)work.nodes / (now_seconds() - start);
}

int main(int argc, char **argv)
{
    enum { THREADS, SECONDS, DEPTH, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [THREADS] = {"threads", 0, "that build trees; 0: 1, 2, 4, 16 and 64"},
        [SECONDS] = {"seconds", 2, "with each number of threads"},
        [DEPTH] = {"depth", 12, "of a tree"},
    };
    static const size_t all[] = {1, 2, 4, 16, 64};
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    const size_t only = arguments[THREADS].value;
    work.depth = (unsigned)arguments[DEPTH].value;
    if (only > THREADS_MAX)
        fail("threads=0…1024");
    for (size_t i = 0; i < (only ? 1 : sizeof all / sizeof *all); i++) {
        size_t count = only ? only : all[i];
        printf("%4zu threads: %.1f M objects/s\n", count,
               objects_a_second(count, (double)arguments[SECONDS].value) / 1e6);
        fflush(stdout);
    }
    return 0;
}
