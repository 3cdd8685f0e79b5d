/* peek: what can be read, up to where it cannot. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>

#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/process/peek.h"
#include "tests/unit/support.h"

static char *pages_with_a_hole(void)
{
    char *pages = mmap(NULL, 3 * OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 'x', 3 * OS_PAGE);
    munmap(pages + OS_PAGE, OS_PAGE);
    mprotect(pages + 2 * OS_PAGE, OS_PAGE, PROT_NONE);
    return pages;
}

Test(peek, ends_where_nothing_can_be_read)
{
    static char copy[3 * OS_PAGE];
    uintptr_t pages = (uintptr_t)pages_with_a_hole();
    errno = 77;
    cr_expect_eq(peek(copy, pages + 100, 50), 50);
    cr_expect_eq(copy[49], 'x');
    cr_expect_eq(copy[50], 0);
    cr_expect_eq(peek(copy, pages + 8, sizeof copy), OS_PAGE - 8);
    cr_expect_eq(copy[OS_PAGE - 9], 'x');
    cr_expect_eq(peek(copy, pages + OS_PAGE, 8), 0);
    cr_expect_eq(peek(copy, pages + 2 * OS_PAGE, 8), 0);
    cr_expect_eq(errno, 77);
}

Test(peek, makes_no_call_that_was_given_up)
{
    char c = 'y', copy = 0;
    uint32_t before = filter_give_up(FILTER_COPY);
    cr_expect_eq(peek(&copy, (uintptr_t)&c, 1), 0);
    cr_expect_eq(copy, 0);
    filter_restore(before);
    cr_expect_eq(peek(&copy, (uintptr_t)&c, 1), 1);
    cr_expect_eq(copy, 'y');
}
