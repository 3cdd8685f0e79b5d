/* copy: what it leaves in memory is what memcpy and memset leave; which pages it writes to. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "runtime/os/copy.h"
#include "runtime/os/os.h"
#include "tests/unit/support.h"

enum { PAGES = 100, BYTES = PAGES * OS_PAGE };

static unsigned char *map(void)
{
    void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(p, MAP_FAILED);
    return p;
}

/* At random: pages of zeros, pages of which only the last byte is not zero, and full pages. */
static void fill_some(unsigned char *p, uint64_t *random)
{
    for (size_t page = 0; page < PAGES; page++) {
        uint64_t how = random_next(random) >> 32;
        memset(p + page * OS_PAGE, how % 3 == 1 ? 7 : 0, OS_PAGE);
        if (how % 3 == 2)
            p[page * OS_PAGE + OS_PAGE - 1] = 9;
    }
}

Test(copy, it_is_memcpy)
{
    static unsigned char expected[BYTES];
    unsigned char *from = map(), *to = map();
    uint64_t random = 7;
    for (int i = 0; i < 200; i++) {
        fill_some(from, &random);
        fill_some(to, &random);
        memcpy(expected, to, BYTES);
        size_t at = random_next(&random) % 5000, there = random_next(&random) % 5000;
        size_t size = random_next(&random) % (BYTES - 5000);
        memcpy(expected + there, from + at, size);
        os_copy_written(to + there, from + at, size);
        cr_assert_eq(memcmp(expected, to, BYTES), 0);
        memset(expected + at, 0, size);
        os_clear_written(to + at, size);
        cr_assert_eq(memcmp(expected, to, BYTES), 0);
    }
}

static size_t dirty_pages(const unsigned char *p)
{
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[300];
    size_t kib = 0;
    for (bool here = false; smaps && fgets(line, sizeof line, smaps);) {
        uintptr_t from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2)
            here = from <= (uintptr_t)p && (uintptr_t)p < to;
        if (here && sscanf(line, "Private_Dirty: %zu", &kib) == 1)
            break;
    }
    fclose(smaps);
    return kib * 1024 / OS_PAGE;
}

/* Inaccessible mappings keep the two apart: the kernel joins neighbours. */
Test(copy, what_was_not_written_is_not_written, .disabled = SANITIZED)
{
    unsigned char *from = map(), *guard = map(), *to = map(), *below = map();
    mprotect(guard, BYTES, PROT_NONE);
    mprotect(below, BYTES, PROT_NONE);
    from[0] = from[BYTES - 1] = 1;
    os_copy_written(to, from, BYTES);
    cr_expect_eq(to[BYTES - 1], 1);
    cr_expect_leq(dirty_pages(to), 2);
    os_clear_written(to, BYTES);
    cr_expect_leq(dirty_pages(to), 2);
}
