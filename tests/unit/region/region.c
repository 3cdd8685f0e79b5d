/* region: which addresses are ours, and what the tables about them are. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "runtime/heap/heap.h"
#include "runtime/os/claim.h"
#include "tests/unit/support.h"

static void start(void)
{
    heap_free(heap_malloc(1));
}

/* Can the kernel read a byte there for us? */
static bool is_readable(const void *p)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    bool readable = write(ends[1], p, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return readable;
}

static void check_address(uintptr_t address, bool inside)
{
    const void *p = (const void *)address;
    cr_expect_eq(region_owns(p), inside, "%p", p);
    cr_expect_eq(heap_owns(p), inside, "%p", p);
    cr_expect_eq(region_unit(p) < region_units, inside && address % 16 == 0, "%p", p);
    if (inside) {
        cr_expect_eq((uintptr_t)region_address(region_slot(p)), address & ~(uintptr_t)(SLOT_SIZE - 1), "%p",
                     p);
        cr_expect_eq(span_slot(span_of_slot(region_slot(p))), region_slot(p), "%p", p);
    }
    if (inside && address % 16 == 0)
        cr_expect_eq(span_of_unit(region_unit(p)), span_of_slot(region_slot(p)), "%p", p);
}

Test(region, addresses_in_and_out)
{
    start();
    int local;
    uintptr_t base = region_base, end = base + region_described();
    const struct {
        uintptr_t address;
        bool inside;
    } cases[] = {
        {0, false},
        {16, false},
        {UINTPTR_MAX, false},
        {(uintptr_t)&local, false},
        {base - 1, false},
        {base - 16, false},
        {base, true},
        {base + 1, true},
        {base + 16, true},
        {base + 65536, true},
        {end - 16, true},
        {end - 1, true},
        {end, false},
        {end + 16, false},
        {(uintptr_t)&region, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_address(cases[i].address, cases[i].inside);
}

Test(region, the_rotated_unit_rejects_every_unaligned_address)
{
    start();
    uint64_t seed = 1;
    for (int i = 0; i < 10000; i++) {
        uintptr_t at = region_base + random_below(&seed, region_described());
        cr_assert_eq(region_unit((void *)at) < region_units, at % 16 == 0, "%lx", at);
        uintptr_t any = (uintptr_t)random_next(&seed);
        bool ours = any - region_base < region_described() && any % 16 == 0;
        cr_assert_eq(region_unit((void *)any) < region_units, ours, "%lx", any);
    }
}

Test(region, carving_is_aligned_described_and_ends)
{
    start();
    for (size_t alignment = CHUNK_SIZE; alignment <= 64 * (size_t)CHUNK_SIZE; alignment *= 2) {
        char *p = region_carve(3 * CHUNK_SIZE, alignment, 3 * CHUNK_SIZE);
        cr_assert_not_null(p);
        cr_expect_eq((uintptr_t)p % alignment, 0);
        p[0] = p[3 * CHUNK_SIZE - 1] = 1;
        for (uint32_t slot = region_slot(p); slot < region_slot(p) + 3 * CHUNK_SLOTS; slot++)
            span_of_slot(slot)->touched = 0; /* writable */
        region.chunks[region_slot(p) / CHUNK_SLOTS].known = false;
    }
    size_t carved = region.carved;
    cr_expect_null(region_carve(region.size, CHUNK_SIZE, 0));
    cr_expect_null(region_carve(SIZE_MAX - CHUNK_SIZE + 1, CHUNK_SIZE, 0));
    cr_expect_eq(region.carved, carved);
}

Test(region, every_descriptor_is_readable)
{
    start();
    cr_expect_geq(region_described(), region.carved);
    for (size_t offset = 0; offset < region_described(); offset += SLOT_SIZE)
        cr_assert_eq(span_of_slot((uint32_t)(offset >> SLOT_SHIFT))->touched & 0x80, 0);
    cr_assert_eq(span_of_slot((uint32_t)(region_described() >> SLOT_SHIFT) - 1)->state, SPAN_NONE);
}

Test(region, what_was_foreign_is_ours_once_the_region_reaches_there)
{
    start();
    char *p = (char *)region_base + region_described();
    cr_assert_not(region_owns(p));
    while (region.carved <= (size_t)(p - (char *)region_base))
        cr_assert_not_null(region_carve(CHUNK_SIZE, CHUNK_SIZE, 0));
    cr_expect(region_owns(p));
    cr_expect_eq(span_of_slot(region_slot(p))->state, SPAN_NONE);
}

/* A foreign mapping lies just where the region would grow: the region grows past it, and leaves it as it
 * is. */
Test(region, neighbours_are_left_alone)
{
    start();
    if (region.is_small || claim_is_reserved((void *)region_base))
        cr_skip_test("the region is reserved");
    char *taken = (char *)region_base + region.carved + CHUNK_SIZE;
    cr_assert_eq(
        mmap(taken, 3 * MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        taken);
    memset(taken, 7, 3 * MIB(1));
    for (int i = 0; i < 40; i++) {
        char *p = heap_malloc(MIB(3));
        cr_assert_not_null(p);
        cr_assert(p + MIB(3) <= taken || p >= taken + MIB(3));
        memset(p, 1, MIB(3));
    }
    for (int i = 0; i < 400; i++)
        memset(heap_malloc(KIB(100)), 1, KIB(100));
    for (size_t i = 0; i < MIB(3); i++)
        cr_assert_eq(taken[i], 7);
    pages_verify();
}

Test(region, the_zero_zone_is_not_accessible)
{
    start();
    for (size_t offset = 0; offset < ZERO_ZONE; offset += ZERO_ZONE / 64)
        cr_assert_not(is_readable((char *)region_base + offset));
    cr_assert_not(is_readable((char *)region_base + ZERO_ZONE - 1));
    cr_assert_not(is_readable((char *)region_base + region.size - 1));
}

static size_t address_space(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * OS_PAGE;
}

/* The heap takes addresses only as it takes memory, so that under a limit of addresses the program has the
 * rest. */
Test(region, takes_no_addresses_ahead)
{
    if (SANITIZED)
        cr_skip_test("the sanitizers need addresses themselves");
    size_t before = address_space();
    start();
    if (claim_is_reserved((void *)region_base))
        cr_skip_test("the region is reserved");
    cr_expect_leq(address_space(), before + KIB(400));
    const size_t limit = before + MIB(200);
    setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit});
    char *p = heap_malloc(MIB(100));
    cr_assert_not_null(p);
    p[0] = p[MIB(100) - 1] = 1;
    cr_expect_null(heap_malloc(MIB(200)));
    cr_expect_eq(errno, ENOMEM);
}

/* --- pages of another size --- */

static unsigned long page_size;

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
    return type == AT_PAGESZ && page_size ? page_size : __real_getauxval(type);
}

Test(region, pages_of_another_size_are_refused, .signal = SIGABRT)
{
    page_size = 16384;
    start();
}
