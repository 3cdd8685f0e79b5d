/* written, own: what of the process has been written, page by page, and which of that is the runtime's
 * own. */
#include "runtime/process/written.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/os/os.h"
#include "runtime/os/own.h"
#include "runtime/process/maps.h"
#include "tests/unit/support.h"

static uintptr_t wanted;
static size_t seen;

static void see(uintptr_t from, uintptr_t to)
{
    seen += wanted >= from && wanted < to;
}

static unsigned allowed, kind;

static void see_runs(uintptr_t from, uintptr_t to, unsigned may)
{
    if (wanted >= from && wanted < to) {
        allowed = may & WRITTEN_MAY;
        kind = may & WRITTEN_IS_ANONYMOUS;
    }
    if (wanted >= from && wanted < to)
        CHECK(written_each_range(from, to, WRITTEN_MAY_READ, see));
}

static bool is_written(uintptr_t address)
{
    wanted = address;
    seen = 0;
    cr_assert(written_each_mapping(see_runs));
    return seen == 1;
}

/* The child has the same open file: what it reads must not be missing in the parent (a signal handler may fork). */
Test(written, a_child_that_reads_on_takes_no_mapping_from_its_parent)
{
    static char piece[256];
    char name[2];
    maps_t maps;
    maps_line_t line;
    size_t lines = 0, expected = 0;
    cr_assert(maps_open(&maps, piece, sizeof piece));
    while (maps_next(&maps, &line, name, sizeof name))
        expected++;
    maps_close(&maps);
    cr_assert_gt(expected, 8);
    cr_assert(maps_open(&maps, piece, sizeof piece));
    for (; lines < 3 && maps_next(&maps, &line, name, sizeof name); lines++)
        continue;
    pid_t child = fork();
    if (child == 0) {
        while (maps_next(&maps, &line, name, sizeof name))
            lines++;
        _exit(lines >= expected ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0, "the child sees all too");
    while (maps_next(&maps, &line, name, sizeof name))
        lines++;
    maps_close(&maps);
    cr_expect_geq(lines, expected);
}

static char data[2] = "x";

Test(written, data_stack_and_touched_pages_are_found)
{
    char on_stack = 'x';
    cr_expect(written_is_known());
    data[0] = 'y';
    cr_expect(is_written((uintptr_t)data));
    cr_expect_not(kind, "a file's");
    cr_expect(is_written((uintptr_t)&on_stack));
    char *memory = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    memory[MIB(3)] = 1;
    cr_expect(is_written((uintptr_t)memory + MIB(3)));
    cr_expect_not(is_written((uintptr_t)memory + MIB(5)), "nobody has touched it");
    cr_expect_eq(allowed, WRITTEN_MAY_READ | WRITTEN_MAY_WRITE);
    cr_expect(kind);
    mprotect(memory, MIB(64), PROT_READ);
    cr_expect(is_written((uintptr_t)memory + MIB(3)), "it was written before");
    cr_expect_eq(allowed, WRITTEN_MAY_READ);
    mprotect(memory, MIB(64), PROT_NONE);
    cr_expect(is_written((uintptr_t)memory + MIB(3)));
    cr_expect_eq(allowed, 0);
    char copy[2] = "";
    cr_expect_eq(written_copy(copy, (uintptr_t)memory + MIB(3), 1), WRITTEN_COPIED);
    cr_expect_eq(copy[0], 1);
    munmap(memory, MIB(64));
    cr_expect_eq(written_copy(copy, (uintptr_t)memory + MIB(3), 1), WRITTEN_GONE);
}

/* A range begins and ends at the addresses that are asked for, not at the bounds of pages. */
static uintptr_t first, last;
static void note_ends(uintptr_t from, uintptr_t to)
{
    first = first ? first : from;
    last = to;
}

Test(written, a_part_of_a_page_may_be_asked_about)
{
    char *memory = mmap(NULL, 4 * OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, 3 * OS_PAGE);
    cr_assert(written_each_range((uintptr_t)memory + 24, (uintptr_t)memory + 4 * OS_PAGE, WRITTEN_MAY_READ,
                                 note_ends));
    cr_expect_eq(first, (uintptr_t)memory + 24);
    cr_expect_eq(last, (uintptr_t)memory + 3 * OS_PAGE);
    first = 0;
    cr_assert(written_each_range((uintptr_t)memory, (uintptr_t)memory + 100, WRITTEN_MAY_READ, note_ends));
    cr_expect_eq(last, (uintptr_t)memory + 100);
}

static bool is_own(const char *p)
{
    wanted = (uintptr_t)p;
    seen = 0;
    own_subtract((uintptr_t)p, (uintptr_t)p + OS_PAGE, see);
    return seen == 0;
}

Test(own, what_is_reserved_is_the_runtimes_until_it_is_given_up)
{
    char *memory = os_reserve(MIB(1), OS_PAGE), *other = os_reserve_for_program(MIB(1));
    cr_expect(is_own(memory) && is_own(memory + MIB(1) - OS_PAGE));
    cr_expect_not(is_own(other));
    os_unreserve(memory, MIB(1));
    cr_expect_not(is_own(memory), "the kernel may give it to the program now");
    os_unreserve(other, MIB(1));
    cr_expect(is_own(data) && own_has_in_image((uintptr_t)data));
}

static size_t parts, bytes;
static void add_up(uintptr_t from, uintptr_t to)
{
    parts++;
    bytes += to - from;
}

Test(own, what_lies_between_is_left)
{
    uintptr_t base = (uintptr_t)os_reserve_for_program(MIB(4));
    own_add(base + MIB(1), base + MIB(2));
    own_add(base + MIB(3), base + MIB(5));
    own_subtract(base, base + MIB(4), add_up);
    cr_expect_eq(parts, 2);
    cr_expect_eq(bytes, MIB(2));
    own_remove(base + MIB(1), base + MIB(2));
    parts = bytes = 0;
    own_subtract(base, base + MIB(4), add_up);
    cr_expect_eq(parts, 1);
    cr_expect_eq(bytes, MIB(3));
}

/* Entries of the table are used again: more reservations than it has room for, one after the other. */
Test(own, places_are_used_again)
{
    for (int i = 0; i < 10000; i++) {
        char *memory = os_reserve(OS_PAGE, OS_PAGE);
        cr_assert(is_own(memory), "%d", i);
        os_unreserve(memory, OS_PAGE);
    }
}
