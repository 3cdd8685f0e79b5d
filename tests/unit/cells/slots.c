/* slots: a large heap of collected objects lies on huge pages, and the account knows what that costs. */
#include "runtime/cells/slots.h"

#include <criterion/criterion.h>
#include <sys/prctl.h>
#include <weir/gc.h>
#include <weir/control.h>
#include <weir/stats.h>

#include "runtime/os/os.h"
#include "tests/unit/support.h"

enum { PAYLOAD = 48, OBJECTS = 3 * 1024 * 1024 };

static struct link {
    struct link *next;
    char payload[PAYLOAD - sizeof(void *)];
} * list;

static void build(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct link *link = weir_gc_alloc(sizeof *link);
        CHECK(link != NULL);
        link->next = list;
        list = link;
    }
}

static size_t count_list(void)
{
    size_t count = 0;
    for (const struct link *link = list; link; link = link->next)
        count++;
    return count;
}

static bool kernel_has_huge_pages(void)
{
    char *memory = os_reserve(OS_HUGE_PAGE, OS_HUGE_PAGE);
    return memory && os_commit(memory, OS_HUGE_PAGE) && os_make_huge(memory);
}

/* Resident memory is at most 1 % more, and at most 3 % less, than heap_inuse + heap_idle - heap_released. */
static void expect_account_to_agree(void)
{
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    double counted = (double)(stats.heap_inuse + stats.heap_idle - stats.heap_released);
    double resident = (double)resident_between(region_base, region_base + region.size);
    cr_expect(resident < 1.01 * counted && resident > 0.97 * counted, "resident %.1f MiB, counted %.1f",
              resident / 1048576, counted / 1048576);
}

Test(slots, a_small_heap_rounds_nothing_up)
{
    size_t before = anon_huge_bytes();
    build(100 * 1000);
    cr_expect_eq(anon_huge_bytes(), before);
}

Test(slots, a_large_heap_lies_on_huge_pages)
{
    if (SANITIZED || !kernel_has_huge_pages())
        return;
    size_t before = anon_huge_bytes();
    build(OBJECTS);
    cr_expect_gt(anon_huge_bytes() - before, MIB(OBJECTS / 1024 * PAYLOAD / 1024 / 3), "%zu bytes",
                 anon_huge_bytes());
    expect_account_to_agree();
    weir_gc();
    cr_expect_eq(count_list(), OBJECTS);
    list = NULL;
    weir_gc();
    expect_account_to_agree();
}

/* As on a kernel without huge pages: a test cannot change that setting, but a process can do without them. */
Test(slots, a_kernel_that_refuses_is_done_without)
{
    if (SANITIZED || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        return;
    cr_expect_not(kernel_has_huge_pages());
    build(OBJECTS);
    cr_expect_eq(anon_huge_bytes(), 0);
    expect_account_to_agree();
    weir_gc();
    cr_expect_eq(count_list(), OBJECTS);
}

/* Huge pages ask for 24 MiB in use and for 32 MiB of room below the limit: 48 MiB never have both. */
Test(slots, near_the_limit_nothing_is_rounded_up)
{
    size_t before = anon_huge_bytes();
    weir_set_memory_limit((int64_t)MIB(48));
    build(OBJECTS / 8);
    cr_expect_eq(anon_huge_bytes(), before);
    cr_expect_eq(count_list(), OBJECTS / 8);
}
