/* limiter: how much of the time the collector may have, by hand and simulated. */
#include <criterion/criterion.h>

#include "tests/unit/support.h"
#include "tests/unit/policy/pacer_tests.h"

/* ---- the limiter ---- */

Test(limiter, limiter_by_hand)
{
    limiter_t limiter;
    limiter_init(&limiter, 2);
    cr_expect_eq(limiter.capacity, 2 * SECOND);
    limiter_fill(&limiter, SECOND);
    limiter_drain(&limiter, SECOND / 2);
    cr_expect_eq(limiter.fill, SECOND / 2);
    limiter_drain(&limiter, 3600 * SECOND);
    cr_expect_eq(limiter.fill, 0, "an idle hour earns no credit");
    limiter_fill(&limiter, 2 * SECOND - 1);
    cr_expect_not(limiter.on);
    limiter_fill(&limiter, 3 * SECOND);
    cr_expect(limiter.on);
    cr_expect_eq(limiter.fill, 5 * SECOND - 1, "one cycle may go over the brim, and has to drain");
    limiter_drain(&limiter, 3 * SECOND - 1);
    cr_expect(limiter.on);
    limiter_drain(&limiter, 1);
    cr_expect_not(limiter.on);
    limiter_fill(&limiter, 4 * SECOND);
    limiter_fill(&limiter, 4 * SECOND);
    cr_expect_eq(limiter.fill, 6 * SECOND, "what stood above the brim is forgotten at the next cycle");
    limiter_set_cores(&limiter, 8);
    cr_expect_not(limiter.on);
    limiter_set_cores(&limiter, 1);
    cr_expect(limiter.on);
}

/* While no cycle begins with the limiter on: collector <= program + capacity + longest cycle, at any time. */
Test(limiter, limiter_holds_the_collector_to_half)
{
    uint64_t seed = 3, collector = 0, program = 0, longest = 0;
    limiter_t limiter;
    limiter_init(&limiter, 4);
    for (int i = 0; i < 100000; i++) {
        if (!limiter.on) {
            uint64_t cycle = random_next(&seed) >> (28 + random_below(&seed, 30)); /* up to a minute */
            limiter_fill(&limiter, cycle);
            collector += cycle;
            longest = cycle > longest ? cycle : longest;
        } else {
            uint64_t slice = random_next(&seed) >> 38;
            limiter_drain(&limiter, slice);
            program += slice;
        }
        cr_assert_leq(collector, program + limiter.capacity + longest);
    }
    cr_expect_gt(collector, program / 10 * 9, "and it may have that half");
}
