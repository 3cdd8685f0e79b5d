// goals: does the heap keep to the collector's goal, and resident memory to the limit? Some threads keep `live` bytes of
// collected objects of one shape, and replace them at random until `turns` times as much was allocated. Every few hundred
// KiB each looks at the account, and every few MiB at what the kernel counts as resident. Printed at the end:
//
//     heap of goal     the largest gc_heap in a cycle (reached by the last cycle, or allocated since), in percent of the
//                      cycle's goal
//     spans of goal    the same for heap_inuse: the spans of these objects, with their free cells
//     part ...         each part of the memory that is held, and its bound (held.h)
//     held of goal     the most that was held, by the account, in percent of the largest goal; its bound at that moment
//     resident         the most resident memory that was seen, exact (smaps_rollup)
//     high water       the same as the kernel noted it
//
// bench/gc/goals runs this over the knobs and judges.
#include <pthread.h>

#include <weir.h>

#include "../workloads/workload.h"
#include "held.h"

enum {
    THREADS_MAX = 64,
    CYCLES_MAX = 1 << 16,
    LOOK_EVERY = 256 << 10,
    RESIDENT_EVERY = 4 << 20,
    LARGEST = 1 << 20
};

// ---- what was seen; under the lock ----

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint64_t cycle, goal; // the current cycle, and its goal
    uint64_t heap, spans; // the most in it
    uint64_t cycles;      // how many were seen from beginning to end
    double heaps[CYCLES_MAX], all_spans[CYCLES_MAX];
    uint64_t held;   // from the kernel, by the account: the most ever
    size_t resident; // resident memory of the whole process, by the kernel: the most ever
} seen;

static void note_cycle(void)
{
    if (seen.goal == 0 || seen.goal == UINT64_MAX || seen.cycles == CYCLES_MAX)
        return;
    seen.heaps[seen.cycles] = 100.0 * (double)seen.heap / (double)seen.goal;
    seen.all_spans[seen.cycles++] = 100.0 * (double)seen.spans / (double)seen.goal;
}

static void look(void)
{
    static __thread weir_mem_stats stats;
    pthread_mutex_lock(&lock);
    weir_read_mem_stats(&stats);
    if (stats.num_gc != seen.cycle) {
        if (stats.num_gc == seen.cycle + 1)
            note_cycle();
        seen.cycle = stats.num_gc;
        seen.heap = seen.spans = 0;
    }
    seen.goal = stats.next_gc;
    seen.heap = stats.gc_heap > seen.heap ? stats.gc_heap : seen.heap;
    seen.spans = stats.heap_inuse > seen.spans ? stats.heap_inuse : seen.spans;
    uint64_t now = held_of(&stats);
    seen.held = now > seen.held ? now : seen.held;
    held_look(&stats);
    pthread_mutex_unlock(&lock);
}

static void look_at_resident(void)
{
    size_t resident = resident_bytes_exact();
    pthread_mutex_lock(&lock);
    seen.resident = resident > seen.resident ? resident : seen.resident;
    pthread_mutex_unlock(&lock);
}

// ---- the objects ----

struct node {
    struct node *left, *right;
    uint64_t key;
    void *data;
};

enum shape { SMALL, TREES, LARGE, MIXED };

// Static data: a root.
static struct {
    enum shape shape;
    size_t threads, count, slice; // bytes that each thread allocates
    void **slots;
    bool watch_resident;
} work;

static void *taken(void *object)
{
    if (!object)
        fail("out of memory");
    return object;
}

// What a node takes of the heap.
static size_t node_size(void)
{
    static size_t size;
    if (!size)
        size = weir_usable_size(taken(weir_gc_alloc_exact(sizeof(struct node))));
    return size;
}

static struct node *tree_new(unsigned depth)
{
    struct node *node = taken(weir_gc_alloc_exact(sizeof *node));
    if (depth > 0) {
        node->left = tree_new(depth - 1);
        node->right = tree_new(depth - 1);
    }
    return node;
}

// What is in a slot is decided by its number: replacing it leaves the live heap as large as it was.
struct content {
    enum shape shape;
    size_t data; // bytes without pointers
    size_t size; // in all
};

enum { TREE_DEPTH = 7 };

static struct content content_of(size_t slot)
{
    random_state random = (slot + 1) * 0x9E3779B97F4A7C15ULL;
    enum shape shape = work.shape;
    if (shape == MIXED) // by bytes, most in large ones
        shape = slot % 100 == 0 ? LARGE : slot % 20 == 1 ? TREES : SMALL;
    if (shape == TREES)
        return (struct content){shape, 0, ((2 << TREE_DEPTH) - 1) * node_size()};
    size_t data = shape == LARGE ? random_size(&random, 15, 20) : 16 + random_below(&random, 240);
    return (struct content){shape, data, data + (shape == SMALL ? node_size() : 0)};
}

static void *content_new(struct content content)
{
    if (content.shape == TREES)
        return tree_new(TREE_DEPTH);
    void *data = memset(taken(weir_gc_alloc_noscan(content.data)), 1, content.data);
    if (content.shape == LARGE)
        return data;
    struct node *node = taken(weir_gc_alloc_exact(sizeof *node));
    node->data = data;
    return node;
}

static void fill(size_t live)
{
    for (size_t bytes = 0; bytes < live; work.count++)
        bytes += content_of(work.count).size;
    work.slots = taken(weir_calloc(work.count, sizeof *work.slots));
    if (weir_gc_add_roots(work.slots, work.count * sizeof *work.slots) != 0)
        fail("out of memory");
    held_manual();
    for (size_t slot = 0, bytes = 0; slot < work.count; slot++) {
        struct content content = content_of(slot);
        work.slots[slot] = content_new(content);
        if ((bytes += content.size) >=
            LOOK_EVERY) { // not look(): cycles with small goals do not count, maxima do
            static weir_mem_stats stats;
            bytes = 0;
            weir_read_mem_stats(&stats);
            held_look(&stats);
        }
    }
}

static void *thread_main(void *argument)
{
    size_t self = (size_t)(uintptr_t)argument, bytes = 0, looked = 0, looked_at_resident = 0;
    size_t mine = work.count / work.threads;
    random_state random = 42 + self;
    while (bytes < work.slice) {
        size_t slot = random_below(&random, mine) * work.threads + self;
        struct content content = content_of(slot);
        work.slots[slot] = NULL; // else both would be live for a moment
        work.slots[slot] = content_new(content);
        bytes += content.size;
        if (bytes - looked >= LOOK_EVERY) {
            looked = bytes;
            look();
        }
        if (work.watch_resident && bytes - looked_at_resident >= RESIDENT_EVERY) {
            looked_at_resident = bytes;
            look_at_resident();
        }
    }
    return NULL;
}

// ---- the end ----

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_share(const char *name, double *percent)
{
    qsort(percent, seen.cycles, sizeof *percent, compare);
    printf("%s: median %.2f %%, least %.2f %%, most %.2f %%\n", name, percent[seen.cycles / 2], percent[0],
           percent[seen.cycles - 1]);
}

int main(int argc, char **argv)
{
    enum { LIVE, TURNS, SHAPE, THREADS, RESIDENT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", 64 * MIB, "bytes that are kept"},
        [TURNS] = {"turns", 20, "so many times as much is allocated"},
        [SHAPE] = {"shape", MIXED, "of the objects: 0 small, 1 trees, 2 large, 3 mixed"},
        [THREADS] = {"threads", 1, "that replace objects"},
        [RESIDENT] = {"resident", 0, "1: look at resident memory every few MiB; slow"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    work.shape = (enum shape)arguments[SHAPE].value;
    work.threads = arguments[THREADS].value;
    work.watch_resident = arguments[RESIDENT].value;
    if (work.threads < 1 || work.threads > THREADS_MAX || work.shape > MIXED)
        fail("threads=1…64, shape=0…3");
    bool single = work.shape == SMALL || work.shape == TREES;
    held_begin(work.threads, LOOK_EVERY + (single ? 0 : LARGEST), single);
    fill(arguments[LIVE].value);
    work.slice = arguments[LIVE].value * arguments[TURNS].value / work.threads;

    pthread_t threads[THREADS_MAX];
    for (size_t i = 0; i < work.threads; i++)
        pthread_create(&threads[i], NULL, thread_main, (void *)(uintptr_t)i);
    for (size_t i = 0; i < work.threads; i++)
        pthread_join(threads[i], NULL);

    static weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    printf("cycles: %" PRIu64 ", of them seen %" PRIu64 "; %.1f %% of the CPU\n", stats.num_gc, seen.cycles,
           100 * stats.gc_cpu_fraction);
    if (seen.cycles > 0) {
        print_share("heap of goal", seen.heaps);
        print_share("spans of goal", seen.all_spans);
    }
    held_print();
    if (work.watch_resident)
        printf("resident: %zu KiB\n", seen.resident / KIB);
    printf("held: %" PRIu64 " KiB\n", seen.held / KIB);
    printf("high water: %zu KiB\n", proc_number("/proc/self/status", "VmHWM:"));
    return 0;
}
