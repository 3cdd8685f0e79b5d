/* rounds: simulated programs that write at many rates while markers scan what they wrote. Time is the
 * simulation's. */
#include <criterion/criterion.h>

#include "runtime/policy/rounds.h"
#include "tests/unit/support.h"

static const uint64_t BUDGET = 1000000;
enum { PAGE = 4096, ASK_NS = 100000, SCAN_NS = 1000 /* a page */ };

/* A program that can write `most` different pages, and writes `rate` of them in a millisecond. If it allocates
 * once a millisecond, the brake makes it wait then. Returns what is left for the last stop, in nanoseconds of
 * scanning. */
static uint64_t run(uint64_t most, uint64_t rate, bool allocates, uint32_t *count)
{
    rounds_t rounds;
    rounds_begin(&rounds, BUDGET);
    uint64_t written = most, ns;
    do {
        ns = ASK_NS + written * SCAN_NS;
        cr_assert_leq(rounds.count, (uint32_t)ROUNDS_MAX);
        cr_assert_leq(rounds.brake, (uint32_t)ROUNDS_BRAKE_MAX);
        uint64_t found = written, moments = allocates && rounds.brake ? 1u << (rounds.brake - 1) : 0;
        written = rate * ns / (1 + moments) / 1000000;
        written = written < most ? written : most;
        if (!rounds_go_on(&rounds, found * PAGE, ns, moments > 0))
            break;
    } while (true);
    *count = rounds.count;
    return ASK_NS + written * SCAN_NS;
}

Test(rounds, the_last_stop_is_within_the_budget_if_scanning_is_twice_as_fast_as_writing)
{
    for (uint64_t most = 1; most < 1000000; most *= 3)
        for (uint64_t rate = 0; rate <= 500; rate += 50) { /* markers scan 1000 pages in a millisecond */
            uint32_t count;
            uint64_t stop = run(most, rate, false, &count);
            cr_expect(stop <= BUDGET / 2, "%lu pages, %lu/ms: %lu ns, %u rounds", most, rate, stop, count);
        }
}

Test(rounds, the_last_stop_is_shorter_if_scanning_is_faster_than_writing)
{
    for (uint64_t most = 10000; most < 1000000; most *= 3)
        for (uint64_t rate = 550; rate <= 800; rate += 50) {
            uint32_t count;
            uint64_t stop = run(most, rate, false, &count);
            cr_expect(stop <= most * SCAN_NS / 10, "%lu pages, %lu/ms: %lu ns", most, rate, stop);
        }
}

Test(rounds, they_end_soon_if_scanning_is_slower_than_writing)
{
    for (uint64_t most = 3000; most < 1000000; most *= 3) {
        uint32_t count;
        run(most, 1000, false, &count);
        cr_expect_leq(count, 4u);
        run(most, 900, false, &count);
        cr_expect_leq(count, (uint32_t)ROUNDS_MAX);
    }
}

/* With the brake at its end it writes for one millisecond in five. */
Test(rounds, the_brake_brings_the_last_stop_into_the_budget_whatever_the_program_writes)
{
    for (uint64_t most = 3000; most < 1000000; most *= 3)
        for (uint64_t rate = 100; rate <= 2500; rate += 100) {
            uint32_t count;
            uint64_t stop = run(most, rate, true, &count);
            cr_expect(stop <= BUDGET, "%lu pages, %lu/ms: %lu ns, %u rounds", most, rate, stop, count);
        }
}

Test(rounds, the_brake_goes_up_while_a_round_is_not_half_of_the_least)
{
    rounds_t rounds;
    rounds_begin(&rounds, BUDGET);
    cr_expect(rounds_go_on(&rounds, 1000 * PAGE, 10 * BUDGET, false));
    cr_expect_eq(rounds.brake, 0u, "the first tells nothing");
    cr_expect(rounds_go_on(&rounds, 400 * PAGE, 4 * BUDGET, false));
    cr_expect_eq(rounds.brake, 0u);
    for (uint32_t brake = 1; brake <= ROUNDS_BRAKE_MAX; brake++) {
        cr_expect(rounds_go_on(&rounds, 400 * PAGE, 4 * BUDGET, true));
        cr_expect_eq(rounds.brake, brake);
    }
    cr_expect(rounds_go_on(&rounds, 400 * PAGE, 4 * BUDGET, true));
    cr_expect_not(rounds_go_on(&rounds, 400 * PAGE, 4 * BUDGET, true), "it does not help");
}

Test(rounds, the_brake_stays_where_it_makes_no_thread_wait)
{
    rounds_t rounds;
    rounds_begin(&rounds, BUDGET);
    cr_expect(rounds_go_on(&rounds, 1000 * PAGE, 10 * BUDGET, false));
    cr_expect(rounds_go_on(&rounds, 1000 * PAGE, 10 * BUDGET, false));
    cr_expect(rounds_go_on(&rounds, 1000 * PAGE, 10 * BUDGET, false));
    cr_expect_eq(rounds.brake, 1u);
    cr_expect_not(rounds_go_on(&rounds, 1000 * PAGE, 10 * BUDGET, false));
}

Test(rounds, one_disturbed_round_does_not_end_them)
{
    rounds_t rounds;
    rounds_begin(&rounds, BUDGET);
    rounds.brake = ROUNDS_BRAKE_MAX;
    cr_expect(rounds_go_on(&rounds, 1000 * PAGE, 10 * BUDGET, true));
    cr_expect(rounds_go_on(&rounds, 1100 * PAGE, 11 * BUDGET, true));
    cr_expect(rounds_go_on(&rounds, 500 * PAGE, 5 * BUDGET, true));
    cr_expect(rounds_go_on(&rounds, 499 * PAGE, 5 * BUDGET, true));
    cr_expect_not(rounds_go_on(&rounds, 498 * PAGE, 5 * BUDGET, true), "twice no shorter");
}

Test(rounds, a_short_one_is_the_last)
{
    rounds_t rounds;
    rounds_begin(&rounds, BUDGET);
    cr_expect_not(rounds_go_on(&rounds, 0, BUDGET / 10, false));
    rounds_begin(&rounds, 0);
    cr_expect(rounds_go_on(&rounds, 100 * PAGE, 1, false), "no budget: as short as possible");
}
