/* collapse: which memory is put on huge pages, and that nothing else changes. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/control.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/control/control.h"
#include "runtime/pages/collapse.h"
#include "runtime/process/dirty.h"
#include "tests/unit/support.h"

enum { OBJECTS = 64 * 1024, SIZE = 1024 };
static char *objects[OBJECTS];

/* On small pages. Without collections, so that no other thread collapses. */
static void make(void *alloc(size_t size))
{
    heap_free(heap_malloc(1));
    weir_set_gc_percent(WEIR_GC_OFF);
    options.hugepages = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = alloc(SIZE);
        cr_assert_not_null(objects[i]);
        pattern_fill(objects[i], SIZE, i);
    }
    options.hugepages = 1;
}

/* Does this kernel grant huge pages, and say which pages there are? */
static bool may_collapse(void)
{
    bool may = may_have_huge_pages() && dirty_is_supported();
    dirty_close();
    return may;
}

/* Returns by how many bytes the huge pages grew. */
static size_t collapse_all(void)
{
    size_t before = anon_huge_bytes();
    if (!collapse_begin())
        return 0;
    while (collapse_next())
        ;
    size_t now = anon_huge_bytes();
    return now > before ? now - before : 0;
}

static void check(void)
{
    for (size_t i = 0; i < OBJECTS; i++)
        cr_assert(pattern_intact(objects[i], SIZE, SIZE, i));
    verify_own();
}

Test(collapse, what_is_in_use_comes_on_huge_pages_and_keeps_its_content)
{
    make(weir_gc_alloc_noscan);
    size_t touched = PAGE_STAT(touched), resident = resident_region();
    cr_expect_geq(collapse_all(), may_collapse() ? (size_t)OBJECTS * SIZE / 4 * 3 : 0);
    cr_expect_eq(PAGE_STAT(touched), touched);
    cr_expect_leq(resident_region(), resident + OS_HUGE_PAGE, "what is resident does not grow");
    cr_expect_leq(collapse_all(), OS_HUGE_PAGE, "it is on huge pages already");
    check();
}

Test(collapse, a_large_object_comes_on_huge_pages)
{
    weir_set_gc_percent(WEIR_GC_OFF);
    options.hugepages = 0;
    char *large = weir_gc_alloc_noscan(MIB(32));
    memset(large, 1, MIB(32));
    options.hugepages = 1;
    cr_expect_geq(collapse_all(), may_collapse() ? MIB(24) : 0);
    for (size_t i = 0; i < MIB(32); i++)
        cr_assert_eq(large[i], 1);
}

Test(collapse, what_is_not_collected_does_not)
{
    make(heap_malloc);
    cr_expect_eq(collapse_all(), 0u);
    check();
}

/* Pages that were never touched would become resident. */
Test(collapse, what_is_not_resident_does_not)
{
    weir_set_gc_percent(WEIR_GC_OFF);
    options.hugepages = 0;
    cr_assert_not_null(weir_gc_alloc_noscan(MIB(64)));
    options.hugepages = 1;
    size_t resident = resident_region();
    cr_expect_eq(collapse_all(), 0u);
    cr_expect_leq(resident_region(), resident + OS_PAGE);
}

/* While a child lives, a copy would be additional memory. */
Test(collapse, what_a_child_shares_does_not)
{
    int end[2];
    make(weir_gc_alloc_noscan);
    cr_assert_eq(pipe(end), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(end[1]);
        _exit((int)read(end[0], &byte, 1));
    }
    close(end[0]);
    cr_expect_leq(collapse_all(), OS_HUGE_PAGE);
    close(end[1]);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_geq(collapse_all(), may_collapse() ? (size_t)OBJECTS * SIZE / 4 * 3 : 0, "the child is gone");
    check();
}

Test(collapse, not_if_it_is_not_wanted_nor_in_a_small_heap_nor_near_a_limit)
{
    heap_free(heap_malloc(1));
    cr_expect_not(collapse_begin(), "a small heap");
    make(weir_gc_alloc_noscan);
    options.hugepages = 0;
    cr_expect_not(collapse_begin(), "not wanted");
    options.hugepages = 1;
    control_set_memory_limit((int64_t)MIB(80));
    cr_expect_not(collapse_begin(), "near the limit");
}

/* Where no descriptor can be opened, nothing is done. */
Test(collapse, without_a_descriptor_it_ends_in_peace)
{
    struct rlimit limit, none;
    make(weir_gc_alloc_noscan);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    bool begun = collapse_begin(), more = begun && collapse_next();
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_expect(begun);
    cr_expect_not(more);
    check();
}
