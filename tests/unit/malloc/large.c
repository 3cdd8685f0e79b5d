/* large: objects of whole slots and huge objects, through the entry points. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "tests/unit/support.h"

static const size_t sizes[] = {SMALL_MAX + 1, KIB(40),  SLOT_SIZE,    SLOT_SIZE + 1, KIB(300), MIB(1),
                               HUGE_MIN - 1,  HUGE_MIN, HUGE_MIN + 1, MIB(5) + 3,    MIB(20)};

static span_t *span_at(const void *p)
{
    return span_of_slot(region_slot(p));
}

Test(large, every_size)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *p = heap_malloc(sizes[i]);
        cr_assert_not_null(p);
        cr_expect_eq((uintptr_t)p % SLOT_SIZE, 0);
        cr_expect_geq(heap_usable_size(p), sizes[i]);
        cr_expect_eq(heap_usable_size(p) % OS_PAGE, 0);
        cr_expect_leq(heap_usable_size(p), sizes[i] + (sizes[i] > HUGE_MIN ? sizes[i] / 4 : 0) + OS_PAGE);
        cr_expect_eq(span_at(p)->state, sizes[i] > HUGE_MIN ? SPAN_HUGE : SPAN_LARGE, "%zu", sizes[i]);
        memset(p, 1, heap_usable_size(p));
        heap_free(p);
        cr_expect_eq(span_at(p)->state, SPAN_NONE);
    }
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
    pages_verify();
}

Test(large, every_alignment)
{
    const size_t lengths[] = {1, KIB(33), KIB(100), MIB(3)};
    for (size_t alignment = KIB(64); alignment <= ((size_t)1 << 30); alignment *= 2)
        for (size_t i = 0; i < COUNT(lengths); i++) {
            char *p = heap_aligned(alignment, lengths[i]), *q = heap_aligned(alignment, lengths[i]);
            cr_assert(p && q && p != q, "%zu aligned to %zu", lengths[i], alignment);
            cr_expect_eq(((uintptr_t)p | (uintptr_t)q) % alignment, 0, "%zu aligned to %zu", lengths[i],
                         alignment);
            cr_expect_geq(heap_usable_size(p), lengths[i]);
            p[0] = p[lengths[i] - 1] = 1;
            heap_free(p);
            heap_free(q);
        }
    pages_verify();
}

static size_t charged(void)
{
    return PAGE_STAT(pages_inuse) * OS_PAGE + PAGE_STAT(huge_inuse);
}

/* A small object counts as its pages, however strictly it is aligned; other objects can use the rest of its
 * chunk. */
Test(large, alignment_is_not_charged)
{
    enum { MANY = 64 };
    char *p[MANY];
    for (size_t alignment = MIB(1); alignment <= ((size_t)1 << 30); alignment *= 4) {
        size_t before = charged();
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < MANY; i++) {
                p[i] = heap_aligned(alignment, 1);
                cr_assert_not_null(p[i]);
                cr_expect_eq((uintptr_t)p[i] % alignment, 0);
                cr_expect_eq(heap_usable_size(p[i]), OS_PAGE);
                *p[i] = 1;
            }
            cr_expect_eq(charged(), before + MANY * OS_PAGE, "aligned to %zu", alignment);
            pages_verify();
            for (size_t i = 0; i < MANY; i++)
                heap_free(p[i]);
            cr_expect_eq(charged(), before);
        }
    }
    pages_verify();
}

Test(large, alignment_fits_where_the_limit_has_room_for_pages)
{
    enum { MANY = 256 };
    set_limits(INT64_MAX, MIB(8));
    for (size_t i = 0; i < MANY; i++) {
        char *p = heap_aligned(MIB(8), 1);
        cr_assert_not_null(p, "%zu", i);
        *p = 1;
    }
    verify_own();
    pages_verify();
}

Test(large, impossible_alignments)
{
    for (unsigned bit = 41; bit < 64; bit++) {
        errno = 0;
        cr_expect_null(heap_aligned((size_t)1 << bit, 1), "2^%u", bit);
        cr_expect_eq(errno, ENOMEM);
    }
    pages_verify();
}

/* From every size to every size: what fits is kept. */
Test(large, resizing_keeps_the_contents)
{
    const size_t more[] = {1, 100, KIB(20), SMALL_MAX};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes) + COUNT(more); j++) {
            size_t to = j < COUNT(sizes) ? sizes[j] : more[j - COUNT(sizes)];
            char *p = heap_malloc(sizes[i]);
            pattern_fill(p, sizes[i], i);
            char *q = heap_realloc(p, to);
            cr_assert_not_null(q);
            cr_assert_geq(heap_usable_size(q), to);
            cr_assert(pattern_intact(q, sizes[i], to < sizes[i] ? to : sizes[i], i), "%zu to %zu", sizes[i],
                      to);
            q[to - 1] = 1;
            heap_free(q);
        }
    pages_verify();
}

Test(large, what_shrinks_gives_back)
{
    heap_free(heap_malloc(1));
    char *p[3];
    for (size_t i = 0; i < COUNT(p); i++)
        memset(p[i] = heap_malloc(MIB(100)), 1, MIB(100));
    size_t held = PAGE_STAT(huge_inuse);
    for (size_t i = 0; i < COUNT(p); i++) {
        cr_assert_eq(heap_realloc(p[i], MIB(70)), p[i]);
        cr_assert_eq(p[i][MIB(70) - 1], 1);
        cr_assert_geq(heap_usable_size(p[i]), MIB(70));
    }
    cr_expect_leq(PAGE_STAT(huge_inuse), held - 3 * MIB(20));
    pages_verify();
    for (size_t i = 0; i < COUNT(p); i++) {
        cr_assert_not_null(p[i] = heap_realloc(p[i], MIB(90)));
        cr_assert_eq(p[i][MIB(70) - 1], 1);
        memset(p[i] + MIB(70), 2, MIB(20));
        heap_free(p[i]);
    }
    char *zeroed = heap_calloc(1, MIB(100));
    cr_assert(is_zero(zeroed, MIB(100)));
    cr_expect_eq(PAGE_STAT(huge_inuse), heap_usable_size(zeroed));
    heap_free(zeroed);
    trim_all(0);
    cr_expect_leq(resident_region(), MIB(8));
}

Test(large, grows_in_place_where_the_neighbour_is_free)
{
    pass_held_frees();
    char *p = heap_malloc(KIB(100)), *next = heap_malloc(KIB(100));
    cr_assert_eq(next, p + KIB(128));
    heap_free(next);
    cr_expect_eq(heap_realloc(p, KIB(900)), p);
    cr_expect_eq(heap_realloc(p, KIB(64)), p, "and shrinks there");
    cr_expect_eq(heap_malloc(KIB(64)), p + KIB(64), "what it gave up is free");
    cr_expect_neq(heap_realloc(p, KIB(65)), p);
}

/* Sizes of all kinds, over memory that was written before in another shape. */
Test(large, cleared_when_asked)
{
    uint64_t random = 1;
    enum { BLOCKS = 64 };
    char *blocks[BLOCKS] = {0};
    control_set_gc_percent(-1);
    for (int i = 0; i < 3000; i++) {
        size_t k = random_below(&random, BLOCKS), limit = random_below(&random, 8) ? KIB(700) : MIB(9);
        size_t size = SMALL_MAX + 1 + random_below(&random, limit);
        heap_free(blocks[k]);
        blocks[k] = heap_calloc(1, size);
        cr_assert_not_null(blocks[k]);
        cr_assert(is_zero(blocks[k], heap_usable_size(blocks[k])), "%zu bytes, step %d", size, i);
        memset(blocks[k], 0xff, heap_usable_size(blocks[k]));
    }
}

/* A chunk that was written, went to the extent allocator and came back is not taken for fresh. */
Test(large, cleared_in_a_chunk_that_has_been_away)
{
    enum { BLOCKS = 800 };
    static char *blocks[BLOCKS];
    control_set_gc_percent(-1);
    heap_free(heap_malloc(MIB(3)));
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i] = heap_malloc(KIB(256)), 0xff, KIB(256));
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % 32 < 16) /* chunks with used ones between them */
            heap_free(blocks[i]);
    for (size_t i = 0; i < 30; i++)
        cr_assert_not_null(heap_malloc(MIB(20)));
    for (size_t i = 0; i < BLOCKS; i++)
        cr_assert(is_zero(heap_calloc(1, KIB(256)), KIB(256)), "block %zu", i);
}

/* A kernel that does not take pages back (locked ones, or a filter of system calls): nothing is lost but
 * memory. */
Test(large, cleared_when_the_kernel_refuses_to_take_pages)
{
    control_set_gc_percent(-1);
    char *huge = heap_malloc(MIB(4));
    if (mlock(huge, MIB(4)) != 0)
        cr_skip_test("no memory may be locked");
    memset(huge, 0xff, MIB(4));
    heap_free(huge);
    control_free_os_memory();
    for (size_t i = 0; i < 1000; i++)
        cr_assert(is_zero(heap_calloc(1, KIB(256)), KIB(256)), "block %zu", i);
    pages_verify();
}

Test(large, impossible_sizes)
{
    char *small = heap_malloc(100), *large = heap_malloc(MIB(1)), *huge = heap_malloc(MIB(4));
    const size_t wanted[] = {(size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, SIZE_MAX, SIZE_MAX - 4096,
                             (size_t)1 << 46};
    pattern_fill(small, 100, 1);
    pattern_fill(large, MIB(1), 2);
    pattern_fill(huge, MIB(4), 3);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        void *const results[] = {heap_malloc(wanted[i]),         heap_calloc(1, wanted[i]),
                                 heap_calloc(wanted[i], 16),     heap_realloc(small, wanted[i]),
                                 heap_realloc(large, wanted[i]), heap_realloc(huge, wanted[i]),
                                 heap_aligned(64, wanted[i]),    heap_aligned(MIB(8), wanted[i])};
        for (size_t j = 0; j < COUNT(results); j++)
            cr_expect_null(results[j], "%zu, call %zu", wanted[i], j);
        errno = 0;
        cr_expect_null(heap_realloc(huge, wanted[i]));
        cr_expect_eq(errno, ENOMEM);
    }
    cr_expect(pattern_intact(small, 100, 100, 1));
    cr_expect(pattern_intact(large, MIB(1), MIB(1), 2));
    cr_expect(pattern_intact(huge, MIB(4), MIB(4), 3));
}

Test(large, a_refused_resize_changes_nothing)
{
    char *large = heap_malloc(MIB(1)), *huge = heap_malloc(MIB(4));
    pattern_fill(large, MIB(1), 1);
    pattern_fill(huge, MIB(4), 2);
    control_set_hard_limit((int64_t)MIB(7));
    errno = 0;
    cr_expect_null(heap_realloc(large, MIB(30)));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_null(heap_realloc(huge, MIB(30)));
    cr_expect(pattern_intact(large, MIB(1), MIB(1), 1));
    cr_expect(pattern_intact(huge, MIB(4), MIB(4), 2));
    control_set_hard_limit(INT64_MAX);
    cr_expect_not_null(heap_realloc(huge, MIB(30)));
}

/* Mappings of the region alone: a sanitizer makes mappings of its own meanwhile. */
static size_t mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    cr_assert_not_null(file);
    size_t count = 0;
    char line[512];
    while (fgets(line, sizeof line, file))
        count += region_owns((const void *)strtoul(line, NULL, 16));
    fclose(file);
    return count;
}

/* Pages that mremap moved have a mapping of their own, and a process may have 65,530 mappings. Beyond a few
 * thousand, pages are copied instead. What is freed, grown again or shrunk is one mapping with its neighbours
 * again. */
Test(large, moving_leaves_no_mappings)
{
    enum { MANY = 3000 };
    static char *blocks[MANY];
    size_t before = mappings();
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            blocks[i] = heap_malloc(KIB(1100));
            cr_assert_not_null(blocks[i]);
            *(size_t *)blocks[i] = i;
        }
        for (size_t to = KIB(1500); to <= KIB(3000); to += KIB(750))
            for (size_t i = 0; i < MANY; i += round + 1) {
                blocks[i] = heap_realloc(blocks[i], to);
                cr_assert_not_null(blocks[i]);
                cr_assert_eq(*(size_t *)blocks[i], i);
                blocks[i][to - 1] = 1;
            }
        cr_expect_leq(mappings(), before + 4 * 2048, "round %d: %zu", round, mappings());
        for (size_t i = 0; i < MANY; i += 3) {
            blocks[i] = heap_realloc(blocks[i], KIB(1040));
            cr_assert_eq(*(size_t *)blocks[i], i);
        }
        for (size_t i = 0; i < MANY; i++)
            heap_free(blocks[i]);
        cr_expect_leq(mappings(), before + 50);
    }
    pages_verify();
}

/* --- blocks that are inaccessible after their free --- */

static bool is_accessible(const void *p)
{
    unsigned char resident;
    return syscall(SYS_mincore, p, OS_PAGE, &resident) == 0;
}

/* A thread's 1st, 2nd, 4th, 8th, ... freed blocks are held. */
Test(large, the_first_freed_are_inaccessible_and_come_again_late)
{
    for (uint64_t number = 1; number <= 70; number++) {
        char *p = memset(heap_malloc(KIB(300)), 1, KIB(300));
        heap_free(p);
        bool is_held = (number & (number - 1)) == 0;
        cr_expect_eq(is_accessible(p), !is_held, "%d", (int)number);
        char *q = heap_malloc(KIB(300));
        cr_expect_eq(q == p, !is_held, "%d", (int)number);
        memset(q, 1, KIB(300));
        pages_verify();
    }
    cr_expect_leq(resident_region(), MIB(22));
}
