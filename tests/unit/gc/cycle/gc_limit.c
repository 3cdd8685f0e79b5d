/* gc_limit: the collector under a soft limit, and beside threads that are in the middle of the account. */
#include <criterion/criterion.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/stats.h>

#include "runtime/gc/cycle/gc.h"
#include "runtime/pages/pages.h"
#include "tests/unit/support.h"

enum { SLOTS = 64 * 1024 };

static void *volatile slots[SLOTS]; /* written only */
static size_t large_every;          /* one slot in so many holds a large object; 0: none */

/* Always the same size for a slot, so that what is live has always the same size, too. */
static size_t size_of(size_t slot)
{
    uint64_t random = slot + 1;
    random_next(&random);
    return large_every && slot % large_every == 0 ? 40000 + random_below(&random, 100000)
                                                  : 16 + random_below(&random, 240);
}

/* Returns the size. */
static size_t replace(size_t slot)
{
    slots[slot] = NULL;
    slots[slot] = weir_gc_alloc_noscan(size_of(slot));
    return size_of(slot);
}

static size_t held(void)
{
    page_stats_t now = pages_stats();
    return now.touched * OS_PAGE + now.huge_inuse + now.huge_idle + now.metadata;
}

/* The limit is set when as much is held as it allows, while spans have holes. Holes and the ends of large
 * objects must not count twice, or every step ends in a cycle; nor may they be forgotten, or the heap ends
 * above the limit. */
static void check_limit(void)
{
    enum { TURNS = 20, SPANS = 10 /* some classes need one more; in a small heap that counts */ };
    size_t live = 0, allocated = 0, most = 0;
    uint64_t random = 7;
    weir_set_gc_percent(WEIR_GC_OFF);
    for (size_t slot = 0; slot < SLOTS; slot++)
        live += replace(slot);
    size_t limit = live * 10 / 6, cycle = limit - live;
    while (held() < limit)
        replace(random_below(&random, SLOTS));
    weir_set_memory_limit((int64_t)limit);
    uint64_t before = gc_read_stats().cycles;
    for (size_t i = 0; allocated < TURNS * live; i++) {
        allocated += replace(random_below(&random, SLOTS));
        size_t now = i % 64 == 0 ? held() : 0;
        most = now > most ? now : most;
    }
    size_t cycles = gc_read_stats().cycles - before;
    if (gc_read_stats().limiter_cycle >
        before) /* other processes have the processors: the limiter holds cycles back */
        return;
    cr_expect_leq(most, limit + limit * 3 / 100 + SPANS * SLOT_SIZE, "%zu KiB of %zu", most >> 10,
                  limit >> 10);
    cr_expect_leq(cycles, 3 * TURNS * live / cycle, "%zu cycles", cycles);
    cr_expect_geq(cycles, TURNS * live / cycle, "%zu cycles", cycles);
}

Test(gc_limit, small_objects_neither_exceed_the_limit_nor_are_collected_all_the_time)
{
    check_limit();
}

Test(gc_limit, nor_do_large_ones_between)
{
    large_every = 256;
    check_limit();
}

/* --- stops that come while a thread holds a lock of the pages --- */

static atomic_bool over;
static void *volatile root;

static void *reader_main(void *argument)
{
    static __thread weir_mem_stats stats;
    (void)argument;
    weir_gc_attach_thread();
    while (!over)
        weir_read_mem_stats(&stats);
    return NULL;
}

static void *allocator_main(void *argument)
{
    (void)argument;
    while (!over)
        CHECK(weir_gc_alloc_noscan(50000));
    return NULL;
}

Test(gc_limit, a_stopped_thread_holds_no_lock_of_the_heap)
{
    pthread_t threads[4];
    root = weir_gc_alloc_noscan(MIB(3)); /* wakes the extent allocator, whose account takes long */
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, i % 2 ? reader_main : allocator_main, NULL);
    for (int i = 0; i < 1000; i++) {
        weir_gc();
        usleep(100);
    }
    over = true;
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
}

/* --- statistics that are read while much is freed --- */

enum { REPLACERS = 4, BLOCKS = 64 /* of each */, BLOCK = 256 * 1024, READS = WATCHED ? 500 : 4000 };
static void *volatile blocks[REPLACERS][BLOCKS];
static _Atomic uint64_t most_held;

static void *replacer_main(void *argument)
{
    static __thread weir_mem_stats stats;
    uintptr_t self = (uintptr_t)argument;
    uint64_t random = self + 1;
    for (int i = 0; i < READS; i++) {
        blocks[self][random_below(&random, BLOCKS)] = weir_gc_alloc_noscan(BLOCK);
        weir_read_mem_stats(&stats);
        CHECK(stats.heap_inuse >= stats.heap_alloc);
        CHECK(stats.heap_idle >= stats.heap_released);
        uint64_t held = stats.sys - stats.heap_released, before = most_held;
        while (held > before && !atomic_compare_exchange_weak(&most_held, &before, held))
            ;
    }
    return NULL;
}

/* The blocks are counted at one moment and the pages at another, with a collection between. */
Test(gc_limit, what_was_freed_between_two_counts_is_counted_once)
{
    const uint64_t limit = (uint64_t)REPLACERS * BLOCKS * BLOCK * 2;
    pthread_t threads[REPLACERS];
    weir_gc_add_roots((void *)blocks, sizeof blocks);
    weir_set_memory_limit((int64_t)limit);
    for (uintptr_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, replacer_main, (void *)i);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    cr_expect_leq(most_held, limit + limit / 10, "%zu MiB of %zu", (size_t)most_held >> 20,
                  (size_t)limit >> 20);
}
