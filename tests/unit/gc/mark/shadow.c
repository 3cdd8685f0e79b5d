/* shadow: which pages get one, as long as there is room. */
#include <criterion/criterion.h>

#include "runtime/gc/mark/shadow.h"
#include "runtime/pages/pages.h"
#include "runtime/region/region.h"
#include "tests/unit/support.h"

enum { SLOTS = 100 };

Test(shadow, a_page_gets_one_when_it_is_written_again)
{
    CHECK(shadow_begin(SLOTS, MIB(1)));
    cr_expect_null(shadow_of(7, 3));
    cr_expect_null(shadow_of(7, 4));
    uint32_t *words = shadow_of(7, 3);
    cr_assert_not_null(words);
    for (size_t i = 0; i < SHADOW_WORDS; i++)
        cr_expect_eq(words[i], SHADOW_UNKNOWN);
    words[SHADOW_WORDS - 1] = 5;
    cr_expect_eq(shadow_of(7, 3), words);
    cr_expect_eq(words[SHADOW_WORDS - 1], 5u, "it is kept");
    cr_expect_neq(shadow_of(7, 4), words);
    shadow_end();
}

Test(shadow, a_trace_knows_nothing_of_the_one_before)
{
    for (int trace = 0; trace < 3; trace++) {
        CHECK(shadow_begin(SLOTS, MIB(1)));
        cr_expect_null(shadow_of(1, 0));
        cr_expect_not_null(shadow_of(1, 0));
        shadow_end();
    }
    cr_expect_null(shadow_of(1, 0), "there are no tables");
    cr_expect_null(shadow_of(1, 0));
}

Test(shadow, when_there_is_no_room_pages_are_rescanned_as_a_whole)
{
    size_t before = page_stats.metadata;
    CHECK(shadow_begin(SLOTS, MIB(1) + 1));
    uint32_t room = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (uint32_t page = 0; page < SLOT_PAGES; page++) {
            cr_expect_null(shadow_of(slot, page));
            room += shadow_of(slot, page) != NULL;
        }
    cr_expect_eq(room * SHADOW_WORDS * sizeof(uint32_t), (size_t)MIB(1));
    cr_expect_eq(page_stats.metadata, before + MIB(1), "they count");
    cr_expect_null(shadow_of(SLOTS, 0), "a slot that came later");
    cr_expect_null(shadow_of(SLOTS, 0));
    shadow_end();
    cr_expect_eq(page_stats.metadata, before);
}

Test(shadow, a_heap_of_less_than_a_page_of_shadows_has_none)
{
    cr_expect_not(shadow_begin(SLOTS, 4095));
    cr_expect_null(shadow_of(1, 0));
    cr_expect_null(shadow_of(1, 0));
    shadow_end();
}
