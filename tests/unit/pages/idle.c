/* idle: how much memory outside of spans the idle rule keeps, and what is released; huge pages for what is
 * taken. */
#include <criterion/criterion.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weir/heap.h>

#include "runtime/config/options.h"
#include "runtime/control/trim.h"
#include "tests/unit/pages/pages_tests.h"
#include "tests/unit/support.h"

static size_t idle_allowed(const page_stats_t *held, int64_t gc_percent)
{
    size_t inuse = held->pages_inuse * OS_PAGE + held->huge_inuse;
    size_t bound = (inuse > MIB(16) ? inuse : MIB(16)) * (size_t)gc_percent / 100;
    return bound + (bound / 16 > KIB(256) ? bound / 16 : KIB(256));
}

/* A heap that only grows, with large tables: its idle memory is the rest of the huge page that it has begun. */
Test(idle, tables_are_no_reason_to_release_at_a_peak)
{
    start(100);
    CHECK(pages_metadata(MIB(8)) != NULL);
    for (size_t i = 0; i < MIB(96) / KIB(1); i++)
        CHECK(weir_malloc(1000) != NULL);
    page_stats_t held = pages_stats();
    cr_expect_lt(held.released_pages, 10, "%zu in %zu releases", held.released_pages, held.releases);
}

static void check_idle_rule(int64_t gc_percent)
{
    start(gc_percent);
    blocks_take(BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++) {
        block_give(&blocks[i * 37 % BLOCKS]);
        page_stats_t held = pages_stats();
        cr_assert_leq(idle_of(&held), idle_allowed(&held, gc_percent), "%ld %%: %zu idle", (long)gc_percent,
                      idle_of(&held));
    }
    page_stats_t held = pages_stats();
    cr_expect_leq(resident_region(), idle_of(&held) + MIB(1), "the kernel agrees");
    pages_verify();
}

Test(idle, idle_rule_at_0)
{
    check_idle_rule(0);
}

Test(idle, idle_rule_at_10)
{
    check_idle_rule(10);
}

Test(idle, idle_rule_at_100)
{
    check_idle_rule(100);
}

Test(idle, nothing_is_released_when_off)
{
    start(-1);
    size_t before = PAGE_STAT(released_pages);
    blocks_take(BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        block_give(&blocks[i]);
    page_stats_t held = pages_stats();
    cr_expect_eq(held.released_pages, before);
    cr_expect_geq(idle_of(&held), MIB(BLOCKS));
    cr_expect(pages_trim(0));
    held = pages_stats();
    cr_expect_eq(idle_of(&held), 0);
    cr_expect_not(pages_trim(0));
}

/* Memory that is taken again and again is held. Otherwise each breath would release its pages and fault them
 * in again. */
Test(idle, a_heap_that_breathes_is_not_released_each_time)
{
    enum { BREATHS = 20, AMPLITUDE = 200 };
    start(100);
    uint64_t began = os_now_ns();
    for (int breath = 0; breath < BREATHS; breath++) {
        blocks_take(AMPLITUDE);
        for (size_t i = 0; i < AMPLITUDE; i++)
            block_give(&blocks[i]);
    }
    size_t faded = (os_now_ns() - began) / RELEASE_FADE_NS;
    size_t released = PAGE_STAT(released_pages) * OS_PAGE;
    cr_expect_leq(released, MIB(AMPLITUDE) + 2 * faded + MIB(BREATHS), "%zu MiB", released >> 20);
    pages_trim(0);
    page_stats_t held = pages_stats();
    cr_expect_eq(idle_of(&held), 0, "who asks for all gets all");
}

static bool is_zero_pages(const char *p, size_t size)
{
    for (size_t at = 0; at < size; at += OS_PAGE)
        if (!is_zero(p + at, OS_PAGE))
            return false;
    return true;
}

/* Only the excess is released, not all that the extent allocator holds. */
Test(idle, no_more_huge_memory_is_released_than_exceeds_the_rule)
{
    enum { BIG = 5 };
    size_t sizes[BIG];
    char *memory[BIG];
    start(100);
    for (size_t i = 0; i < BIG; i++) {
        sizes[i] = MIB(24);
        memory[i] = pages_take_huge(&sizes[i], SLOT_SIZE, false);
        memset(memory[i], 1, sizes[i]);
    }
    for (size_t i = 2; i < BIG; i++) /* 48 MiB stay in use, 72 are idle */
        pages_give_huge(memory[i], sizes[i]);
    page_stats_t held = pages_stats();
    cr_expect_leq(idle_of(&held), idle_allowed(&held, 100));
    cr_expect_geq(idle_of(&held), MIB(48 - CHUNK_SIZE / MIB(1)));
    for (size_t i = 2; i < BIG; i++) { /* partly released, partly written: all of it has to be zero */
        memory[i] = pages_take_huge(&sizes[i], SLOT_SIZE, true);
        cr_expect(is_zero_pages(memory[i], sizes[i]));
    }
    pages_verify();
}

/* Free cells count as idle: a burst that leaves its spans half empty may leave that much less in free
 * slots. */
Test(idle, free_cells_count_as_idle)
{
    enum { CELLS = 400 * 1000 };
    static void *cells[CELLS];
    start(100);
    for (size_t i = 0; i < CELLS; i++)
        cells[i] = heap_malloc(512);
    for (size_t i = 0; i < CELLS / 2; i += 2) /* 50 MiB of free cells among 150 MiB live */
        heap_free(cells[i]);
    blocks_take(BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        block_give(&blocks[i]);
    page_stats_t held = pages_stats();
    size_t bound = MIB(100);
    cr_expect_leq(idle_of(&held), bound + bound / 8, "%zu idle", idle_of(&held));
    cr_expect_geq(idle_of(&held), bound / 8 * 6, "%zu idle", idle_of(&held));
}

/* --- huge pages --- */

/* Take slots one at a time, as small spans do, and write them. */
static void grow(size_t slots)
{
    for (size_t i = 0; i < slots; i++) {
        uint32_t slot = pages_take_span(BACKED_BY_HUGE);
        cr_assert_neq(slot, 0);
        pages_touch(span_of_slot(slot), SLOT_PAGES);
        memset(region_address(slot), 1, SLOT_SIZE);
        pages_verify();
    }
}

Test(idle, a_grown_heap_takes_huge_pages)
{
    start(100);
    grow(MIB(24) / SLOT_SIZE);
    size_t touched = PAGE_STAT(touched), released = PAGE_STAT(released_pages);
    cr_expect_eq(touched, MIB(24) / OS_PAGE, "a small one does not");
    grow(100);
    page_stats_t held = pages_stats();
    cr_expect_eq(held.touched % (OS_HUGE_PAGE / OS_PAGE), 0);
    cr_expect_leq(held.pages_idle, OS_HUGE_PAGE / OS_PAGE, "no more than the rest of one");
    cr_expect_eq(held.released_pages, released);
    if (!SANITIZED)
        cr_expect_leq(resident_region(), held.touched * OS_PAGE + MIB(1));
    cr_expect(anon_huge_bytes() > 0 || !may_have_huge_pages());
    grow(1);
    uint8_t before;
    size_t idle = PAGE_STAT(pages_idle);
    cr_expect_gt(idle, 0);
    uint32_t slot = pages_take(1, 9, 1, &before);
    cr_expect_eq(before, 0, "a large object has other slots, of which the rest is not resident");
    cr_expect(is_zero_pages(region_address(slot), SLOT_SIZE));
    cr_expect_eq(PAGE_STAT(pages_idle), idle);
    pages_verify();
}

Test(idle, not_when_told_not_to_and_not_where_it_does_not_pay)
{
    start(100);
    options.hugepages = 0;
    grow(MIB(30) / SLOT_SIZE);
    options.hugepages = 1;
    pages_set_gc_percent(10);
    grow(16);
    pages_set_gc_percent(100);
    set_limits((int64_t)MIB(60), INT64_MAX);
    grow(16);
    cr_expect_eq(PAGE_STAT(touched), (MIB(30) + 32 * SLOT_SIZE) / OS_PAGE);
    set_limits(INT64_MAX, INT64_MAX);
    grow(65);
    cr_expect_gt(PAGE_STAT(pages_idle), 0);
}

/* By system call: the sanitizers replace mlock by a function that does nothing. */
static long lock_memory(const void *start, size_t size)
{
    return syscall(SYS_mlock, start, size);
}

static long unlock_memory(const void *start, size_t size)
{
    return syscall(SYS_munlock, start, size);
}

/* Locked memory cannot be released: it stays, and the memory around it is released. Once unlocked, it is
 * released too. */
Test(idle, locked_memory_holds_back_itself_alone)
{
    enum { OBJECTS = 60000 };
    static char *objects[OBJECTS];
    start(-1);
    size_t before = resident_region();
    for (size_t i = 0; i < OBJECTS; i++)
        memset(objects[i] = heap_malloc(1000), 1, 1000);
    char *locked[] = {objects[OBJECTS / 3], objects[OBJECTS - 1]}, *large = heap_malloc(KIB(300));
    memset(large, 1, KIB(300));
    if (lock_memory(locked[0], 1) != 0 || lock_memory(locked[1], 1) != 0 || lock_memory(large, KIB(100)) != 0)
        cr_skip_test("nothing may be locked");
    heap_free(large);
    for (size_t i = 0; i < OBJECTS; i++)
        heap_free(objects[i]);
    cr_expect(trim_all(0));
    cr_expect_leq(resident_region(), before + MIB(2));
    cr_expect_gt(PAGE_STAT(pages_idle), 0);
    pages_verify();
    unlock_memory(locked[0], 1);
    unlock_memory(locked[1], 1);
    unlock_memory(large, KIB(100));
    cr_expect(pages_trim(0));
    cr_expect_eq(PAGE_STAT(pages_idle), 0);
    pages_verify();
}
