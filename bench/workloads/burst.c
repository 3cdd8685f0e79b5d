// burst: allocates mixed sizes up to a peak, frees down to a small live set, then sleeps without calling the
// allocator and looks at its resident size after 0, 0.5, 1 and 2 s of idleness.
//
// Which blocks live on decides what any allocator that cannot move objects is able to give back:
//     keep=0  the oldest: the base a program had before the burst
//     keep=1  runs of 1 MiB, spread over the burst: sessions that outlive it
//     keep=2  blocks picked at random: the worst case, nearly every page keeps a live block
#include "workload.h"

enum keep { KEEP_OLDEST, KEEP_RUNS, KEEP_SCATTERED };

static size_t burst_size(random_state *random)
{
    return random_below(random, 100) < 98 ? random_size(random, 5, 11) : random_size(random, 11, 16);
}

// Puts `bytes` of blocks into *list, oldest first; returns how many.
static size_t allocate(struct chained **list, size_t bytes, random_state *random)
{
    size_t count = 0;
    for (size_t live = 0; live < bytes; count++) {
        *list = chained_new(burst_size(random));
        live += (*list)->size;
        list = &(*list)->next;
    }
    return count;
}

// Frees all but about `keep_bytes` of the `bytes` in *list; returns the bytes left.
static size_t release(struct chained **list, size_t bytes, size_t keep_bytes, enum keep keep,
                      random_state *random)
{
    size_t seen = 0, left = 0;
    size_t period = MIB * (bytes / KIB) / (keep_bytes / KIB); // 1 MiB kept of each
    while (*list) {
        struct chained *block = *list;
        bool kept = left < keep_bytes;
        if (keep == KEEP_RUNS)
            kept = seen % period < MIB;
        if (keep == KEEP_SCATTERED)
            kept = random_below(random, bytes / KIB) < keep_bytes / KIB;
        seen += block->size;
        if (kept) {
            left += block->size;
            list = &block->next;
        } else {
            *list = block->next;
            chained_free(block);
        }
    }
    return left;
}

int main(int argc, char **argv)
{
    enum { PEAK, LIVE, KEEP, IDLE, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [PEAK] = {"peak", GIB, "bytes allocated at the peak"},
        [LIVE] = {"live", 50 * MIB, "bytes that live on"},
        [KEEP] = {"keep", KEEP_OLDEST, "which live on: 0 the oldest, 1 runs, 2 scattered"},
        [IDLE] = {"idle", 2, "seconds of idleness at the end, up to 2"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t peak = arguments[PEAK].value, live = arguments[LIVE].value;
    if (live < MIB || live > peak)
        fail("live: between 1M and the peak");
    static const double moments[] = {0, 0.5, 1, 2};
    enum { MOMENTS = sizeof moments / sizeof *moments };
    size_t resident[MOMENTS], seen = 0;

    random_state random = 42;
    struct chained *list = NULL;
    double start = now_seconds();
    size_t count = allocate(&list, peak, &random);
    double busy = now_seconds() - start;
    size_t at_peak = resident_bytes_exact();
    start = now_seconds();
    size_t left = release(&list, peak, live, (enum keep)arguments[KEEP].value, &random);
    busy += now_seconds() - start;
    double idle_since = now_seconds();
    while (seen < MOMENTS && moments[seen] <= (double)arguments[IDLE].value) {
        double wait = moments[seen] - (now_seconds() - idle_since);
        if (wait > 0)
            sleep_seconds(wait);
        resident[seen++] = resident_bytes_exact();
    }

    printf("live: %.1f MiB\nresident at the peak: %.1f MiB\n", to_mib(left), to_mib(at_peak));
    for (size_t i = 0; i < seen; i++)
        printf("resident after %.1f s idle: %.1f MiB\n", moments[i], to_mib(resident[i]));
    report_rate("burst", count, busy);
    printf("time: %.3f\n", busy);
    for (struct chained *block = list, *next; block; block = next) {
        next = block->next;
        chained_free(block);
    }
    return 0;
}
