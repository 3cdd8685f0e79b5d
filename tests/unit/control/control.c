/* control: the knobs. */
#include <criterion/criterion.h>
#include <errno.h>

#include "runtime/control/control.h"
#include "runtime/cycle/percent.h"
#include "runtime/observe/stats.h"
#include "tests/unit/support.h"

Test(control, each_knob_returns_the_old_value)
{
    cr_expect_eq(control_set_gc_percent(50), 100);
    cr_expect_eq(control_set_gc_percent(-7), 50);
    cr_expect_eq(control_set_gc_percent(0), -1);
    cr_expect_eq(percent_get(), 0);

    cr_expect_eq(control_set_memory_limit((int64_t)MIB(100)), INT64_MAX);
    cr_expect_eq(control_set_memory_limit(-1), (int64_t)MIB(100), "a negative one only asks");
    cr_expect_eq(control_memory_limit(), (int64_t)MIB(100));
    cr_expect_eq(control_set_memory_limit(INT64_MAX), (int64_t)MIB(100));

    cr_expect_eq(control_set_hard_limit((int64_t)MIB(200)), INT64_MAX);
    cr_expect_eq(control_set_hard_limit(-1), (int64_t)MIB(200));
    cr_expect_eq(control_hard_limit(), (int64_t)MIB(200));
}

Test(control, the_environment_is_read_once_and_first)
{
    setenv("WEIR_GOGC", "35", 1);
    setenv("WEIR_MEMLIMIT", "3GiB", 1);
    cr_expect_eq(control_set_memory_limit(-1), (int64_t)3 << 30, "before the first allocation");
    cr_expect_eq(control_set_gc_percent(20), 35);
    heap_free(heap_malloc(1));
    cr_expect_eq(percent_get(), 20);
}

static size_t held_idle(void)
{
    page_stats_t held = pages_stats();
    return held.pages_idle * OS_PAGE + held.huge_idle;
}

static void fill_and_free(void)
{
    enum { BLOCKS = 64 };
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i] = heap_malloc(MIB(1)), 1, MIB(1));
    for (size_t i = 0; i < BLOCKS; i++)
        heap_free(blocks[i]);
}

Test(control, a_knob_that_is_turned_acts_at_once)
{
    pass_held_frees();
    control_set_gc_percent(-1);
    fill_and_free();
    cr_expect_geq(held_idle(), MIB(64));
    control_set_gc_percent(100);
    cr_expect_leq(held_idle(), MIB(17));
    control_set_gc_percent(-1);
    fill_and_free();
    control_set_memory_limit((int64_t)MIB(12));
    cr_expect_leq(held_idle(), MIB(12));
    control_set_hard_limit((int64_t)MIB(6));
    cr_expect_leq(held_idle(), MIB(6));
    control_free_os_memory();
    cr_expect_eq(held_idle(), 0);
    cr_expect_leq(resident_region(), MIB(1));
}

Test(control, all_memory_is_released_on_demand)
{
    static void *cells[100000];
    control_set_gc_percent(-1);
    for (size_t i = 0; i < COUNT(cells); i++)
        memset(cells[i] = heap_malloc(500), 1, 500);
    size_t before = resident_region();
    for (size_t i = 0; i < COUNT(cells); i++)
        heap_free(cells[i]);
    control_free_os_memory();
    cr_expect_geq(before, MIB(48));
    cr_expect_leq(resident_region(), MIB(1));
    cr_expect_eq(PAGE_STAT(touched), 0);
}

/* --- the hard limit and its callback --- */

static struct {
    void *reserve;
    size_t wanted;
    int calls;
    bool recursive;
} saved;

static void on_refusal(void *context, size_t wanted)
{
    cr_assert_eq(context, &saved);
    saved.calls++;
    saved.wanted = wanted;
    saved.recursive |= heap_malloc(MIB(64)) != NULL; /* refused as well, without asking again */
    heap_free(saved.reserve);
    saved.reserve = NULL;
}

Test(control, the_callback_may_free_a_reserve)
{
    control_set_hard_limit((int64_t)MIB(32));
    saved.reserve = heap_malloc(MIB(16));
    cr_assert_not_null(heap_malloc(MIB(10)));
    control_set_hard_limit_callback(on_refusal, &saved);
    cr_expect_not_null(heap_malloc(MIB(12)), "there is room after the callback");
    cr_expect_eq(saved.calls, 1);
    cr_expect_geq(saved.wanted, MIB(12));
    cr_expect_not(saved.recursive);
    errno = 0;
    cr_expect_null(heap_malloc(MIB(12)));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_eq(saved.calls, 2);
    control_set_hard_limit_callback(NULL, NULL);
    cr_expect_null(heap_malloc(MIB(12)));
    cr_expect_eq(saved.calls, 2);
    verify_own();
}

Test(control, the_callback_is_asked_once_for_each_refusal)
{
    static const size_t sizes[] = {KIB(100), MIB(1), MIB(2), MIB(3)};
    control_set_hard_limit((int64_t)MIB(4));
    while (heap_malloc(KIB(64)))
        continue;
    control_set_hard_limit_callback(on_refusal, &saved);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        saved.calls = 0;
        cr_expect_null(heap_malloc(sizes[i]));
        cr_expect_eq(saved.calls, 1, "%zu bytes: %d", sizes[i], saved.calls);
    }
}
