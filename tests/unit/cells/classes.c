/* classes: sizes and their classes. */
#include <criterion/criterion.h>

#include "runtime/cells/classes.h"
#include "tests/unit/support.h"

static size_t waste_allowed(size_t size)
{
    return size <= 256 ? 15 : size <= KIB(1) ? size / 8 : size / 4;
}

/* Sizes that programs keep many of: a power of two plus a header. */
Test(classes, a_header_beside_a_power_of_two_is_no_eighth)
{
    for (size_t power = KIB(1); power <= KIB(8); power *= 2)
        for (size_t header = 8; header <= power / 64; header += 8) {
            uint32_t cell = class_size(class_of(power + header));
            cr_expect_leq(cell, power + power / 7, "%zu + %zu: %u", power, header, cell);
        }
    static const size_t kept[] = {1032, 4368};
    for (size_t i = 0; i < COUNT(kept); i++)
        cr_expect_leq(class_size(class_of(kept[i])), kept[i] + 8, "%zu", kept[i]);
}

Test(classes, every_size_has_the_smallest_class_that_holds_it)
{
    for (size_t size = 1; size <= SMALL_MAX; size++) {
        uint32_t cls = class_of(size);
        cr_assert_lt(cls, CLASS_COUNT, "size %zu", size);
        cr_assert_geq(class_size(cls), size, "size %zu", size);
        cr_assert_lt(class_size(cls - 1), size, "size %zu", size);
        cr_assert_leq(class_size(cls) - size, waste_allowed(size), "size %zu", size);
    }
}

Test(classes, every_class_is_its_own)
{
    cr_assert_eq(class_of(0), 0);
    cr_assert_eq(class_size(0), 0);
    cr_assert_eq(class_size(CLASS_COUNT - 1), SMALL_MAX);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        cr_assert_eq(class_of(class_size(cls)), cls);
        cr_assert_eq(class_size(cls) % 16, 0);
        cr_assert_gt(class_size(cls), class_size(cls - 1));
    }
}

Test(classes, cells_are_as_aligned_as_asked)
{
    for (size_t alignment = 16; alignment <= SMALL_MAX; alignment *= 2)
        for (size_t size = 1; size <= SMALL_MAX; size += 1 + size / 7) {
            char *first = heap_aligned(alignment, size), *second = heap_aligned(alignment, size);
            size_t usable = heap_usable_size(first), least = size > alignment ? size : alignment;
            cr_assert_eq((uintptr_t)first % alignment, 0, "%zu aligned to %zu", size, alignment);
            cr_assert_eq((uintptr_t)second % alignment, 0, "%zu aligned to %zu", size, alignment);
            cr_assert(usable >= size && usable <= 2 * least, "%zu aligned to %zu: %zu", size, alignment,
                      usable);
            heap_free(first);
            heap_free(second);
        }
    verify_own();
}
