/* stats: the account's identities, under load too, and what the kernel says about it. */
#include "runtime/observe/stats.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

#include "runtime/control/control.h"
#include "tests/unit/support.h"

static void check_identities(const weir_mem_stats *s)
{
    uint64_t mallocs = 0, frees = 0;
    CHECK(s->sys == s->heap_sys + s->stack_sys + s->mspan_sys + s->mcache_sys + s->buck_hash_sys + s->gc_sys +
                        s->other_sys);
    CHECK(s->heap_sys == s->heap_inuse + s->heap_idle);
    CHECK(s->heap_released <= s->heap_idle, "%zu %zu", s->heap_released, s->heap_idle);
    CHECK(s->heap_alloc <= s->heap_inuse, "%zu in %zu", s->heap_alloc, s->heap_inuse);
    CHECK(s->alloc == s->heap_alloc);
    CHECK(s->total_alloc >= s->heap_alloc);
    CHECK(s->heap_objects == s->mallocs - s->frees);
    CHECK(s->sys < (uint64_t)1 << 40 && s->other_sys < (uint64_t)1 << 32, "no difference below zero");
    for (uint64_t cls = 0; cls < s->num_size_classes; cls++) {
        CHECK(s->by_size[cls].mallocs >= s->by_size[cls].frees);
        mallocs += s->by_size[cls].mallocs;
        frees += s->by_size[cls].frees;
    }
    CHECK(s->mallocs - mallocs - (s->frees - frees) == s->large_objects);
}

Test(stats, before_the_first_allocation)
{
    weir_mem_stats stats;
    stats_read(&stats);
    check_identities(&stats);
    cr_expect_eq(stats.mallocs, 0);
}

Test(stats, fields_follow_the_program)
{
    weir_mem_stats before, after;
    heap_free(heap_malloc(100));
    stats_read(&before);
    void *small = heap_malloc(100), *large = heap_malloc(MIB(1)), *huge = heap_malloc(MIB(8));
    size_t small_size = heap_usable_size(small), sum = small_size + MIB(1) + MIB(8);
    stats_read(&after);
    check_identities(&after);
    cr_expect_eq(after.mallocs - before.mallocs, 3);
    cr_expect_eq(after.heap_objects - before.heap_objects, 3);
    cr_expect_eq(after.heap_alloc - before.heap_alloc, sum);
    cr_expect_eq(after.total_alloc - before.total_alloc, sum);
    cr_expect_eq(after.large_objects, 2);
    cr_expect_eq(after.large_bytes, MIB(9));
    cr_expect_eq(after.by_size[class_of(100)].size, small_size);
    cr_expect_eq(after.by_size[class_of(100)].mallocs - before.by_size[class_of(100)].mallocs, 1);
    heap_free(small);
    heap_free(large);
    heap_free(huge);
    stats_read(&after);
    check_identities(&after);
    cr_expect_eq(after.heap_alloc, before.heap_alloc);
    cr_expect_eq(after.total_alloc - before.total_alloc, sum);
}

Test(stats, knobs_and_releases_are_told)
{
    weir_mem_stats stats;
    control_set_gc_percent(30);
    control_set_memory_limit((int64_t)MIB(20));
    control_set_hard_limit((int64_t)MIB(64));
    heap_free(memset(heap_malloc(MIB(30)), 1, MIB(30)));
    cr_expect_null(heap_malloc(MIB(100)));
    stats_read(&stats);
    cr_expect_eq(stats.gc_percent, 30);
    cr_expect_eq(stats.memory_limit, (int64_t)MIB(20));
    cr_expect_eq(stats.hard_limit, (int64_t)MIB(64));
    cr_expect_eq(stats.hard_limit_refusals, 1);
    cr_expect_geq(stats.os_releases, 1);
    cr_expect_geq(stats.os_released_bytes, MIB(28));
    cr_expect(stats.enable_gc);
    control_set_gc_percent(-1);
    stats_read(&stats);
    cr_expect_eq(stats.gc_percent, -1);
    cr_expect(stats.enable_gc, "as in Go");
}

/* --- under load --- */

enum { WORKERS = 3, HELD = 500, READS = SANITIZED ? 300 : 2000 };
static _Atomic(void *) held[WORKERS][HELD];
static atomic_bool stop;

static size_t size_of(uint64_t *random)
{
    size_t kind = random_below(random, 1000);
    return kind < 960   ? random_below(random, 3000)
           : kind < 999 ? random_below(random, 300000)
                        : random_below(random, MIB(5));
}

static void work_or_read(size_t number)
{
    uint64_t random = number;
    while (number < WORKERS && !stop) {
        void *block = heap_malloc(size_of(&random));
        size_t to = random_below(&random, WORKERS);
        heap_free(atomic_exchange(&held[to][random_below(&random, HELD)], block));
        if (random_below(&random, 20000) == 0)
            control_free_os_memory();
    }
    for (int i = 0; number == WORKERS && i < READS; i++) {
        weir_mem_stats stats;
        stats_read(&stats);
        check_identities(&stats);
    }
    stop = true;
}

Test(stats, identities_hold_under_load)
{
    weir_mem_stats stats;
    heap_free(heap_malloc(1));
    threads_run(WORKERS + 1, work_or_read);
    for (size_t i = 0; i < WORKERS * HELD; i++)
        heap_free(held[i / HELD][i % HELD]);
    stats_read(&stats);
    check_identities(&stats);
    cr_expect_eq(stats.heap_objects, 0);
    cr_expect_eq(stats.mallocs, stats.frees);
}

/* --- what the kernel says --- */

enum { BLOCKS = 400000 };
static void *blocks[BLOCKS];
static size_t count;

static void take(size_t bytes, size_t least, size_t most)
{
    uint64_t random = 1;
    for (size_t sum = 0; sum < bytes && count < BLOCKS; count++) {
        blocks[count] = heap_malloc(least + random_below(&random, most - least + 1));
        size_t size = heap_usable_size(blocks[count]);
        memset(blocks[count], 1, size);
        sum += size;
    }
}

/* Free all but every n-th; 0: all. */
static void thin_out(size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (n && i % n == 0)
            blocks[kept++] = blocks[i];
        else
            heap_free(blocks[i]);
    count = kept;
}

static void check_resident(const char *what)
{
    weir_mem_stats stats;
    stats_read(&stats);
    check_identities(&stats);
    double said = (double)(stats.sys - stats.heap_released), is = (double)resident_region();
    double error = (said - is) / is;
    cr_expect(error > -0.01 && error < 0.01, "%s: account %.2f MiB, kernel %.2f MiB: %+.2f %%", what,
              said / (double)MIB(1), is / (double)MIB(1), 100 * error);
}

static void check_steps(int64_t gc_percent, size_t least, size_t most)
{
    char what[64];
    snprintf(what, sizeof what, "%zu to %zu, WEIR_GOGC=%d", least, most, (int)gc_percent);
    control_set_gc_percent((int)gc_percent);
    take(MIB(1), 100, 1000); /* what stays until the end */
    take(MIB(400), least, most);
    check_resident(what);
    thin_out(2);
    check_resident(what);
    take(MIB(100), least, most);
    check_resident(what);
    control_free_os_memory();
    check_resident(what);
    take(MIB(200), least, most);
    check_resident(what);
}

Test(stats, the_kernel_agrees_on_small_cells)
{
    check_steps(100, 500, 8000);
}

Test(stats, the_kernel_agrees_on_all_sizes)
{
    check_steps(10, 1000, KIB(200));
}

Test(stats, the_kernel_agrees_when_nothing_is_released)
{
    check_steps(-1, KIB(10), MIB(1));
}

Test(stats, the_kernel_agrees_on_huge_objects)
{
    check_steps(50, MIB(2), MIB(20));
}

Test(stats, the_kernel_agrees_when_all_is_released_at_once)
{
    check_steps(0, KIB(1), MIB(4));
}
