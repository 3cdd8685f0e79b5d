/* gc_cycles: when collections begin by themselves, and when they do not. */
#include <criterion/criterion.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/stats.h>

#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/background.h"
#include "runtime/gc/cycle/gc.h"
#include "tests/unit/gc/cycle/gc_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* --- what is collected, and when --- */

Test(gc_cycles, nothing_is_collected_in_a_forbidden_section)
{
    hidden_t p = make(100, 0);
    root = NULL;
    weir_gc_forbid_begin();
    weir_gc_forbid_begin();
    collect();
    weir_gc_forbid_end();
    collect();
    cr_expect(is_alive(p));
    cr_expect_eq(gc_read_stats().cycles, 0);
    weir_gc_forbid_end();
    collect();
    cr_expect_not(is_alive(p));
}

Test(gc_cycles, collections_begin_by_themselves)
{
    enum { KEPT = 1000, ALL = 4 * 1000 * 1000 };
    link_t *kept = weir_gc_alloc(sizeof *kept);
    if (options.gcstress) /* then they do not */
        return;
    kept = NULL;
    size_t goal = 0; /* the largest: with the sanitizers' data it is more than the least of 4 MiB */
    for (uint64_t i = 0; i < ALL; i++) {
        link_t *link = weir_gc_alloc(sizeof *link);
        link->number = i;
        if (i % 1000 == 0)
            goal = gc_read_stats().goal > goal ? gc_read_stats().goal : goal;
        if (i < KEPT) {
            link->next = kept;
            kept = link;
        }
    }
    list_check(kept, KEPT - 1, KEPT);
    cr_expect_gt(gc_read_stats().cycles, 5);
    cr_expect_lt(PAGE_STAT(touched) * OS_PAGE, goal + MIB(8));
}

/* Cells that were swept ahead can be allocated: after a collection the heap does not grow as long as there are
 * free cells to reuse. How many are free is asked: a trace beside the program, and the young ones after it, keep
 * what was allocated meanwhile. */
Test(gc_cycles, cells_that_were_swept_ahead_are_used)
{
    enum { SIZE = 64, OBJECTS = 200 * 1000 };
    static void *kept[OBJECTS / 8];
    for (size_t i = 0; i < OBJECTS; i++) {
        void *object = weir_gc_alloc(SIZE);
        if (i % 8 == 0)
            kept[i / 8] = object;
    }
    collect();
    while (weir_gc_step(1000))
        ;
    size_t before = collected_bytes_held;
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    cr_assert_geq(stats.heap_alloc, sizeof kept / sizeof *kept * SIZE);
    size_t free_bytes = before > stats.heap_alloc ? before - stats.heap_alloc : 0;
    weir_gc_disable();
    for (size_t i = 0; i < free_bytes / SIZE / 2; i++)
        weir_gc_alloc(SIZE);
    cr_expect_leq(collected_bytes_held, before + KIB(256), "%zu, then %zu", before,
                  (size_t)collected_bytes_held);
    weir_gc_enable();
    collected_verify();
    weir_gc_keep_alive(kept[0]);
}

static void grow_by(size_t bytes)
{
    for (size_t held = 0; held < bytes; held += KIB(64)) {
        void *p = heap_malloc(KIB(64));
        if (!p)
            return;
        memset(p, 1, KIB(64));
    }
}

/* While collections are disabled, neither growth of manual memory nor a limit nor a refusal starts one; an
 * explicit call does. */
Test(gc_cycles, disabled_is_disabled_for_all_that_begins_by_itself)
{
    weir_gc_alloc(100);
    weir_gc_disable();
    uint64_t before = gc_read_stats().cycles;
    weir_set_memory_limit((int64_t)MIB(64));
    grow_by(MIB(100));
    for (size_t i = 0; i < 1000; i++)
        weir_gc_alloc_noscan(KIB(50));
    weir_set_hard_limit((int64_t)MIB(200));
    grow_by(MIB(200));
    cr_expect_null(weir_gc_alloc_noscan(MIB(100)));
    cr_expect_eq(gc_read_stats().cycles, before);
    weir_gc();
    cr_expect_eq(gc_read_stats().cycles, before + 1, "who asks for one gets one");
    weir_free_os_memory();
    cr_expect_eq(gc_read_stats().cycles, before + 2);
    weir_gc_enable();
    weir_gc_alloc_noscan(MIB(100));
    cr_expect_gt(gc_read_stats().cycles, before + 2, "enabled, it collects before it refuses");
}

/* Growth of manual memory starts collections too, since a cleanup of a collected object may free manual
 * memory. There is one collection each time the heap has doubled. */
Test(gc_cycles, growth_of_manual_memory_collects_as_often_as_it_doubles, .disabled = SANITIZED)
{
    weir_gc_alloc(100);
    uint64_t before = gc_read_stats().cycles;
    for (int i = 0; i < 512; i++) {
        grow_by(MIB(1));
        background_wait(); /* a cycle may be left to it, and the heap has doubled again before that begins */
    }
    uint64_t cycles = gc_read_stats().cycles - before;
    cr_expect_geq(cycles, 4, "%zu", (size_t)cycles);
    cr_expect_leq(cycles, 8, "%zu", (size_t)cycles);
}

/* The share of the processors' time counts from the beginning, not from the first collected object. */
Test(gc_cycles, the_share_of_time_is_of_all_time)
{
    enum { BEFORE_US = 50 * 1000 };
    heap_free(heap_malloc(1));
    usleep(BEFORE_US);
    weir_gc_alloc(1);
    weir_gc();
    cr_expect_geq(gc_read_stats().available_ns, (uint64_t)BEFORE_US * 1000 * os_processors());
}
