/* A random program under a limit: sizes, phases and lifetimes are drawn from a seed. What is resident stays
 * below the limit plus 2 % whenever it can, and nothing is refused that fits. An allocator that does not
 * move blocks cannot give back a page that a live block reaches into. So the program counts these pages, also
 * those of blocks that the phase before left scattered. If they exceeded the limit, the limit has to hold
 * again after an eighth of it has been allocated.
 *
 *     churn SEED LIVE-MIB LIMIT-MIB THREADS */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"

enum { PAGE = 4096, PHASES = 8, BLOCKS = 1 << 19, TABLE = 1 << 20, OWN = 3 << 19 };

struct worker {
    void **blocks; /* live ones, densely */
    size_t count, live, most;
    uint64_t random;
};

/* --- how many live blocks reach into a page: open addressing, never removed --- */

static struct page {
    _Atomic uintptr_t number;
    _Atomic int blocks;
} * pages;
static _Atomic size_t live_pages;

static void count_page(uintptr_t number, int change)
{
    size_t at = number * 0x9E3779B97F4A7C15u >> 44;
    for (;; at = (at + 1) % TABLE) {
        uintptr_t there = pages[at].number;
        if (there == number ||
            (there == 0 && atomic_compare_exchange_strong(&pages[at].number, &there, number)) ||
            there == number)
            break;
    }
    int before = atomic_fetch_add(&pages[at].blocks, change);
    if (before == 0 || before + change == 0)
        atomic_fetch_add(&live_pages, change > 0 ? 1 : (size_t)-1);
}

static void count_block(void *p, int change)
{
    uintptr_t first = (uintptr_t)p / PAGE, last = ((uintptr_t)p + malloc_usable_size(p) - 1) / PAGE;
    for (uintptr_t number = first; number <= last; number++)
        count_page(number, change);
}

/* --- what is resident --- */

static size_t base, limit;
static _Atomic size_t peak;
static _Atomic long checks, excused, exceeded;
static _Atomic size_t allocated, excused_until; /* bytes ever */

static size_t resident(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        sscanf(line, "RssAnon: %zu", &kib);
    fclose(file);
    return kib << 10;
}

/* The pages of live blocks are read before and after: another thread may free meanwhile. */
static void check_resident(void)
{
    size_t before = live_pages, now = resident() - base, after = live_pages;
    size_t needed = (before > after ? before : after) * PAGE + OWN;
    checks++;
    if (now > peak)
        peak = now;
    if (needed > limit) {
        excused++;
        excused_until = allocated + limit / 8;
    } else if (now > limit + limit / 50 && allocated > excused_until) {
        exceeded++;
    }
}

/* --- a phase --- */

struct phase {
    size_t least, most;
    int shape;    /* 0: evenly; 1: by doublings; 2: two sizes */
    int lifetime; /* 0: random; 1: the oldest first; 2: the youngest; 3: in bursts */
    size_t target, volume;
};

static size_t below(struct worker *self, size_t bound)
{
    return (size_t)(random_next(&self->random) >> 16) % bound;
}

static struct phase draw_phase(struct worker *self)
{
    static const size_t sizes[] = {16, 40, 100, 256, 700, 1500, 4000, 9000, 20000, 33000, 70000, 200000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    size_t low = below(self, SIZES), high = low + below(self, SIZES - low);
    return (struct phase){.least = sizes[low],
                          .most = sizes[high],
                          .shape = (int)below(self, 3),
                          .lifetime = (int)below(self, 4),
                          .target = self->most / 10 * (3 + below(self, 8)),
                          .volume = self->most * (1 + below(self, 2))};
}

static size_t draw_size(struct worker *self, const struct phase *phase)
{
    size_t range = phase->most - phase->least + 1;
    if (phase->shape == 0)
        return phase->least + below(self, range);
    if (phase->shape == 2)
        return below(self, 4) ? phase->least : phase->most;
    size_t size = phase->least;
    while (size * 2 < phase->most && below(self, 2))
        size *= 2;
    return size + below(self, size < range ? size : range);
}

static void give(struct worker *self, size_t at)
{
    void *p = self->blocks[at];
    self->live -= malloc_usable_size(p);
    count_block(p, -1);
    free(p);
    self->blocks[at] = self->blocks[--self->count];
}

static void give_by(struct worker *self, const struct phase *phase)
{
    size_t keep = phase->lifetime == 3 ? phase->target / 2 : phase->target;
    while (self->count > 0 && (self->live > keep || self->count >= BLOCKS - 1))
        give(self, phase->lifetime == 1   ? self->count > 1000 ? below(self, 1000) : 0
                   : phase->lifetime == 2 ? self->count - 1
                                          : below(self, self->count));
}

static void take(struct worker *self, size_t size)
{
    void *p = malloc(size);
    if (!p) { /* the hard limit */
        exceeded += live_pages * PAGE + size + OWN <= limit;
        while (self->live > self->most / 4)
            give(self, below(self, self->count));
        return;
    }
    allocated += size;
    memset(p, 1, malloc_usable_size(p));
    count_block(p, 1);
    self->live += malloc_usable_size(p);
    self->blocks[self->count++] = p;
}

static void run_phase(struct worker *self, const struct phase *phase)
{
    enum { STEP = 1 << 20 };
    for (size_t volume = 0, checked = 0; volume < phase->volume;) {
        size_t size = draw_size(self, phase);
        if (self->live + size > phase->target || self->count >= BLOCKS - 1)
            give_by(self, phase);
        take(self, size);
        volume += size;
        if (volume - checked >= STEP) {
            checked = volume;
            check_resident();
        }
    }
}

static void *run(void *argument)
{
    struct worker *self = argument;
    for (int i = 0; i < PHASES; i++) {
        struct phase phase = draw_phase(self);
        run_phase(self, &phase);
    }
    while (self->count > 0)
        give(self, self->count - 1);
    return NULL;
}

static void *reserve(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

int main(int argc, char **argv)
{
    enum { MOST = 16 };
    CHECK(argc == 5);
    static struct worker workers[MOST];
    pthread_t threads[MOST];
    size_t count = strtoull(argv[4], NULL, 10);
    CHECK(count <= MOST);
    limit = (size_t)strtoull(argv[3], NULL, 10) << 20;
    pages = reserve(TABLE * sizeof *pages);
    for (size_t i = 0; i < count; i++) {
        workers[i].blocks = reserve(BLOCKS * sizeof *workers[i].blocks);
        workers[i].random = strtoull(argv[1], NULL, 10) * 1000 + i + 1;
        workers[i].most = ((size_t)strtoull(argv[2], NULL, 10) << 20) / count;
    }
    base = resident();
    for (size_t i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, run, &workers[i]) == 0);
    for (size_t i = 0; i < count; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    fprintf(stderr,
            "peak %zu KiB of %zu; %ld of %ld times more than can be held was needed, %ld times exceeded\n",
            (size_t)peak >> 10, limit >> 10, (long)excused, (long)checks, (long)exceeded);
    return exceeded > 0;
}
