// guide: a program whose heap is looked at while it runs, for the pictures of docs/gc-guide.md. It keeps `live` MiB of small
// linked objects and replaces them at random until `work` MiB were allocated; in the middle third it may keep
// `spike` MiB more. At every quarter of a MiB it reads the account. It keeps a sample every few MiB, and those before and
// after each collection, and prints them at the end:
//
//     MiB allocated so far   reached by the last cycle   heap   goal   held from the kernel   cycles so far   (MiB)
//
// To look costs time in proportion to the heap. With summary=1 the program does not look; at the end it prints the peak of
// resident memory in MiB, the CPU seconds and the number of collections.
#include <math.h>
#include <sys/resource.h>

#include <weir.h>

#include "../workloads/workload.h"

struct node {
    struct node *next;
    uint64_t key[5];
};

enum { CHAIN = 20, STEP = CHAIN * 48, LOOK_EVERY = MIB / 4, NOTE_EVERY = 4 * MIB };

struct sample {
    double allocated, live, heap, goal, held;
    uint64_t cycles;
};

// Static data: roots.
static struct node **slots;
static struct sample *samples;
static size_t sample_count, sample_room, allocated, looked, noted;
static random_state randomness = 42;

// Keeps a sample every few MiB, and the samples before and after each collection.
static void look(void)
{
    static weir_mem_stats stats;
    static struct sample last;
    if (allocated - looked < LOOK_EVERY || sample_room == 0)
        return;
    looked = allocated;
    weir_read_mem_stats(&stats);
    struct sample now = {.allocated = to_mib(allocated),
                         .live = to_mib(stats.gc_live),
                         .heap = to_mib(stats.gc_heap),
                         .goal = stats.next_gc == UINT64_MAX ? NAN : to_mib(stats.next_gc),
                         .held = to_mib(stats.sys - stats.heap_released),
                         .cycles = stats.num_gc};
    bool collected = now.cycles != last.cycles;
    if (collected)
        samples[sample_count++] = last;
    if (collected || allocated - noted >= NOTE_EVERY) {
        samples[sample_count++] = now;
        noted = allocated;
    }
    last = now;
}

// A chain of small objects in place of the old one.
static void replace(size_t slot)
{
    struct node *chain = NULL;
    slots[slot] = NULL;
    for (int i = 0; i < CHAIN; i++) {
        struct node *node = weir_gc_alloc_exact(sizeof *node);
        if (!node)
            fail("out of memory");
        node->key[0] = slot;
        node->next = chain;
        chain = node;
    }
    slots[slot] = chain;
    allocated += STEP;
    look();
}

static void work(size_t bytes, size_t live)
{
    for (size_t end = allocated + bytes; allocated < end;)
        replace(random_below(&randomness, live / STEP));
}

static void print_samples(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        printf("%.2f\t%.3f\t%.3f\t%.3f\t%.3f\t%" PRIu64 "\n", s->allocated, s->live, s->heap, s->goal,
               s->held, s->cycles);
    }
}

static void print_summary(void)
{
    static weir_mem_stats stats;
    struct rusage usage;
    weir_read_mem_stats(&stats);
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    printf("%.1f\t%.3f\t%" PRIu64 "\n", to_mib(proc_number("/proc/self/status", "VmHWM:") * KIB), seconds,
           stats.num_gc);
}

int main(int argc, char **argv)
{
    enum { LIVE, SPIKE, WORK, SUMMARY, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", 20, "MiB that are kept"},
        [SPIKE] = {"spike", 0, "MiB more in the middle third"},
        [WORK] = {"work", 300, "MiB allocated after filling"},
        [SUMMARY] = {"summary", 0, "1: do not look, print one line at the end"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t live = arguments[LIVE].value * MIB, more = live + arguments[SPIKE].value * MIB;
    size_t third = arguments[WORK].value * MIB / 3;
    sample_room = arguments[SUMMARY].value ? 0 : (more + 3 * third + more) / LOOK_EVERY * 2 + 16;
    samples = table_new(sample_room + 1, sizeof *samples);
    slots = weir_calloc(more / STEP + 1, sizeof *slots);
    if (!slots || weir_gc_add_roots(slots, (more / STEP + 1) * sizeof *slots) != 0)
        fail("out of memory");

    for (size_t slot = 0; slot < live / STEP; slot++)
        replace(slot);
    work(third, live);
    for (size_t slot = live / STEP; slot < more / STEP; slot++)
        replace(slot);
    work(third, more);
    for (size_t slot = live / STEP; slot < more / STEP; slot++)
        slots[slot] = NULL;
    work(third, live);
    if (arguments[SUMMARY].value)
        print_summary();
    else
        print_samples();
    return 0;
}
