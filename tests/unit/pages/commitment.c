/* commitment: the kernel refuses to commit, and what is free gives up its commitment. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "tests/unit/pages/pages_tests.h"
#include "tests/unit/support.h"

/* --- the kernel refuses to commit --- */

Test(commitment, what_was_freed_can_be_had_again_where_data_is_limited)
{
    data_can_be_had_again();
}

/* When the kernel refuses to commit, the heap must not take other addresses: they would not help. */
Test(commitment, a_refusal_uses_up_no_addresses)
{
    if (SANITIZED)
        return;
    start(100);
    limit_data(MIB(64));
    size_t count = fill_to_the_end_and_free(MIB(3)), carved = 0;
    for (int i = 0; i < 100; i++) {
        size_t now = fill_to_the_end_and_free(MIB(3));
        cr_expect_geq(now * 5, count * 4, "%zu, and %zu at first", now, count);
        cr_expect_null(heap_malloc(MIB(200)));
        carved = i == 0 ? region.carved : carved;
    }
    cr_expect_eq(region.carved, carved);
    pages_verify();
}

Test(commitment, a_run_without_commitment_is_taken_again)
{
    enum { RUN = 8, TAKEN = 200 };
    uint8_t before[CHUNK_SLOTS];
    uint32_t slots[TAKEN];
    start(100);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < TAKEN; i++) {
            slots[i] = pages_take(RUN, RUN * SLOT_PAGES, 1, before);
            cr_assert_neq(slots[i], 0);
            for (size_t page = 0; page < RUN * SLOT_PAGES; page++) {
                volatile char *at = region_address(slots[i]) + page * OS_PAGE;
                cr_assert(page % SLOT_PAGES < before[page / SLOT_PAGES] || *at == 0);
                *at = 1;
            }
        }
        for (size_t i = 0; i < TAKEN; i++)
            if (i % 3 == (size_t)round) {
                pages_give(slots[i], RUN, RUN * SLOT_PAGES);
            } else {
                cr_assert(region_decommit(region_address(slots[i]), RUN * SLOT_SIZE));
                pages_give_uncommitted(slots[i], RUN, RUN * SLOT_PAGES);
            }
        pages_verify();
        if (round == 1)
            pages_make_room();
        pages_verify();
    }
}

Test(commitment, a_huge_object_without_commitment_is_taken_again)
{
    enum { TAKEN = 20 };
    char *p[TAKEN];
    size_t size[TAKEN];
    start(100);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < TAKEN; i++) {
            size[i] = MIB(3 + i % 5);
            cr_assert_not_null(p[i] = pages_take_huge(&size[i], SLOT_SIZE, true));
            cr_assert(is_zero(p[i], size[i]));
            memset(p[i], 1, size[i]);
        }
        for (size_t i = 0; i < TAKEN; i++)
            if (i % 2) {
                pages_give_huge(p[i], size[i]);
            } else {
                cr_assert(region_decommit(p[i], size[i]));
                pages_give_huge_uncommitted(p[i], size[i]);
            }
        pages_verify();
    }
}
