/* pacer: its formulas worked out by hand, and against a simple version in floating point. */
#include <criterion/criterion.h>
#include <limits.h>

#include "runtime/policy/pacer.h"
#include "tests/unit/policy/pacer_tests.h"
#include "tests/unit/support.h"

/* ---- by hand ---- */

static pacer_t after_cycle(int percent, uint64_t limit, pacer_cycle_t cycle)
{
    pacer_t pacer;
    pacer_init(&pacer, percent, limit, 0, 2);
    pacer_end_cycle(&pacer, &cycle);
    return pacer;
}

Test(pacer, goals_by_hand)
{
    static const struct {
        const char *what;
        int percent;
        uint64_t limit, live, roots, outside, goal;
        bool limited;
    } cases[] = {
        {"nothing lives: the least goal", 100, PACER_NONE, 0, 0, 0, MIB(4), false},
        {"the least goal follows the percentage", 25, PACER_NONE, 0, 0, 0, MIB(1), false},
        {"and so upwards", 1000, PACER_NONE, MIB(1), 0, 0, MIB(40), false},
        {"twice the live heap", 100, PACER_NONE, MIB(100), 0, 0, MIB(200), false},
        {"half of it more", 50, PACER_NONE, MIB(100), 0, 0, MIB(150), false},
        {"roots count as work", 50, PACER_NONE, MIB(100), MIB(10), 0, MIB(155), false},
        {"but not as heap", 100, PACER_NONE, MIB(10), MIB(10), 0, MIB(30), false},
        {"off, no limit", -1, PACER_NONE, MIB(100), 0, 0, PACER_NONE, false},
        {"0: the least step", 0, PACER_NONE, MIB(128), 0, 0, MIB(129), false},
        {"0, nothing lives", 0, PACER_NONE, 0, 0, 0, KIB(256), false},
        {"a limit that is far", 100, MIB(1000), MIB(100), 0, 0, MIB(200), false},
        {"a limit that decides", 100, MIB(200), MIB(150), 0, 0, MIB(194), true},
        {"off, under a limit", -1, MIB(200), MIB(50), 0, 0, MIB(194), true},
        {"what is outside takes room", -1, MIB(300), MIB(50), 0, MIB(100), MIB(194), true},
        {"headroom of a small room: 1 MiB", -1, MIB(20), MIB(5), 0, 0, MIB(19), true},
        {"of a tiny one: half", -1, MIB(1), KIB(100), 0, 0, KIB(512), true},
        {"live beyond the limit", 100, MIB(100), MIB(128), 0, 0, MIB(129), true},
        {"no room at all", 100, MIB(100), MIB(1), 0, MIB(100), MIB(1) + KIB(256), true},
        {"less than no room", 100, MIB(100), MIB(1), 0, MIB(300), MIB(1) + KIB(256), true},
        {"a limit of nothing", 100, 0, 0, 0, 0, KIB(256), true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pacer_t pacer = after_cycle(
            cases[i].percent, cases[i].limit,
            (pacer_cycle_t){.live = cases[i].live, .roots = cases[i].roots, .outside = cases[i].outside});
        cr_expect_eq(pacer.goal, cases[i].goal, "%s: goal %zu, not %zu", cases[i].what, (size_t)pacer.goal,
                     (size_t)cases[i].goal);
        cr_expect_eq(pacer.trigger, pacer.goal, "%s: without a runway the trigger is the goal",
                     cases[i].what);
        cr_expect_eq(pacer.limited, cases[i].limited, "%s", cases[i].what);
    }
}

/* The least goal is 4 MiB for each thread that allocates. */
Test(pacer, threads_by_hand)
{
    static const struct {
        unsigned threads;
        uint64_t goal;
    } cycles[] = {
        {0, MIB(2)},   /* at GOGC=50 */
        {1, MIB(2)},   /**/
        {2, MIB(4)},   /**/
        {8, MIB(16)},  /**/
        {64, MIB(16)}, /* no more than eight */
        {6, MIB(14)},  /* falls by one a cycle */
        {6, MIB(12)},  /**/
        {1, MIB(10)},  /**/
    };
    pacer_t pacer;
    pacer_init(&pacer, 50, PACER_NONE, 0, 1);
    cr_expect_eq(pacer.goal, MIB(2));
    for (size_t i = 0; i < COUNT(cycles); i++) {
        pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(1), .threads = cycles[i].threads});
        cr_expect_eq(pacer.goal, cycles[i].goal, "%u threads: %zu", cycles[i].threads, (size_t)pacer.goal);
    }
    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(100), .threads = 8});
    cr_expect_eq(pacer.goal, MIB(150), "a larger heap has room for many threads anyway");
}

Test(pacer, runway_by_hand)
{
    static const struct {
        uint64_t runway, trigger;
    } cases[] = {
        {0, MIB(128)},                   /* live 64 MiB, goal 128 MiB */
        {KIB(64), MIB(128) - KIB(64)},   /**/
        {MIB(10), MIB(118)},             /**/
        {MIB(19), MIB(64 + 45)},         /* 45/64 of the way */
        {MIB(20), MIB(64 + 45)},         /* not earlier */
        {MIB(1000), MIB(64 + 45)},       /* nor below nothing */
        {PACER_NONE, MIB(64) + MIB(45)}, /**/
    };
    pacer_t pacer = after_cycle(100, PACER_NONE, (pacer_cycle_t){.live = MIB(64)});
    for (size_t i = 0; i < COUNT(cases); i++) {
        pacer_set_runway(&pacer, cases[i].runway);
        cr_expect_eq(pacer.goal, MIB(128));
        cr_expect_eq(pacer.trigger, cases[i].trigger, "runway %zu: %zu", (size_t)cases[i].runway,
                     (size_t)pacer.trigger);
    }
    pacer_set_gc_percent(&pacer, -1);
    cr_expect_eq(pacer.trigger, PACER_NONE);
}

Test(pacer, knobs_act_at_once)
{
    pacer_t pacer;
    pacer_init(&pacer, 100, PACER_NONE, 0, 2);
    cr_expect_eq(pacer.goal, MIB(4), "before the first cycle");
    cr_expect_not(pacer_wants_cycle(&pacer, MIB(3), MIB(1) - 1, 0));
    cr_expect(pacer_wants_cycle(&pacer, MIB(3), MIB(1), 0));

    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(100)});
    pacer_set_gc_percent(&pacer, 20);
    cr_expect_eq(pacer.goal, MIB(120));
    pacer_set_limit(&pacer, MIB(1) * 120);
    cr_expect(pacer.limited);
    cr_expect_lt(pacer.goal, MIB(117));
    pacer_set_gc_percent(&pacer, -1);
    pacer_set_limit(&pacer, MIB(400));
    cr_expect_eq(pacer.goal, MIB(388));
    pacer_set_outside(&pacer, MIB(200));
    cr_expect_eq(pacer.goal, MIB(194));
    cr_expect(pacer_wants_cycle(&pacer, MIB(193), MIB(1), 0), "manual memory has grown");
    pacer_set_limit(&pacer, PACER_NONE);
    cr_expect_eq(pacer.goal, PACER_NONE);
    cr_expect_not(pacer_wants_cycle(&pacer, (uint64_t)1 << 47, MIB(1), 0));
}

Test(pacer, large_objects_in_a_row_are_one_cycle)
{
    pacer_t pacer;
    pacer_init(&pacer, 100, PACER_NONE, 0, 2);
    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(10)});
    cr_expect_not(pacer_wants_cycle(&pacer, MIB(10), MIB(50), 0), "a cycle would find nothing new");
    cr_expect(pacer_wants_cycle(&pacer, MIB(60), MIB(50), 0));
}

/* The limit's goal is 97 MiB, the percentage's 120. */
Test(pacer, limiter_moves_the_trigger)
{
    pacer_t pacer;
    pacer_init(&pacer, 100, MIB(100), 0, 2);
    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(60), .collector_ns = 2 * SECOND});
    cr_expect(pacer.limiter.on);
    cr_expect_eq(pacer.limiter_cycle, 1);
    cr_expect_eq(pacer.trigger, MIB(97));
    cr_expect_not(pacer_wants_cycle(&pacer, MIB(97), 0, 0));
    cr_expect_eq(pacer.trigger, MIB(97) + MIB(60) / 128, "the next look is a step later");
    cr_expect(pacer_wants_cycle(&pacer, MIB(119), MIB(1), 0), "the percentage does not wait");
    cr_expect(pacer_wants_cycle(&pacer, MIB(98), 0, 1),
              "nor does the limit, as soon as the bucket has drained");

    pacer_end_cycle(&pacer,
                    &(pacer_cycle_t){.live = MIB(60), .collector_ns = 2 * SECOND, .program_ns = SECOND});
    cr_expect_eq(pacer.limiter.fill, 3 * SECOND - 1, "what the program did before the cycle drains first");
    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(60), .program_ns = 9 * SECOND});
    cr_expect_not(pacer.limiter.on);
    cr_expect_eq(pacer.limiter_cycle, 2, "the last cycle that left it on");
    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(60), .collector_ns = 2 * SECOND});
    cr_expect_eq(pacer.limiter_cycle, 4);
}

Test(pacer, nothing_overflows)
{
    static const uint64_t sizes[] = {0, 1, MIB(4), (uint64_t)1 << 47, (uint64_t)1 << 63, UINT64_MAX};
    static const int percents[] = {-1, 0, 1, 100, INT_MAX};
    for (size_t i = 0; i < COUNT(sizes) * COUNT(sizes) * COUNT(sizes) * COUNT(percents); i++) {
        size_t n = i;
        uint64_t live = sizes[n % COUNT(sizes)], roots = sizes[(n /= COUNT(sizes)) % COUNT(sizes)];
        uint64_t limit = sizes[(n /= COUNT(sizes)) % COUNT(sizes)];
        int percent = percents[n / COUNT(sizes)];
        pacer_t pacer = after_cycle(percent, limit, (pacer_cycle_t){.live = live, .roots = roots});
        cr_assert_geq(pacer.goal, live, "%zu %zu %zu %d", (size_t)live, (size_t)roots, (size_t)limit,
                      percent);
        cr_assert_leq(pacer.trigger, pacer.goal);
    }
}

/* ---- against a simple version, in floating point ---- */

static double simple_goal(double live, double roots, double outside, double limit, int percent,
                          double threads)
{
    double goal = 1e300, step = live / 128 > 262144 ? live / 128 : 262144;
    if (percent >= 0) {
        goal = live + (live + roots) * percent / 100;
        double floor = threads * 4.0 * 1048576 * percent / 100;
        goal = goal > floor ? goal : floor;
    }
    if (limit < 1e18) {
        double room = limit > outside ? limit - outside : 0;
        double headroom = room * 0.03 > 1048576 ? room * 0.03 : 1048576;
        headroom = headroom < room / 2 ? headroom : room / 2;
        goal = goal < room - headroom ? goal : room - headroom;
    }
    return goal > live + step ? goal : live + step;
}

static uint64_t random_bytes(uint64_t *seed)
{
    return random_next(seed) >> (24 + random_below(seed, 40));
}

Test(pacer, agrees_with_a_simple_version)
{
    uint64_t seed = 7;
    pacer_t pacer;
    pacer_init(&pacer, 100, PACER_NONE, 0, 4);
    for (int i = 0; i < 200000; i++) {
        switch (random_below(&seed, 6)) {
        case 0:
            pacer_set_gc_percent(&pacer, (int)random_below(&seed, 1200) - 1);
            break;
        case 1:
            pacer_set_limit(&pacer, random_below(&seed, 3) == 0 ? PACER_NONE : random_bytes(&seed));
            break;
        case 2:
            pacer_set_runway(&pacer, random_bytes(&seed));
            break;
        case 3:
            pacer_set_outside(&pacer, random_bytes(&seed));
            break;
        default:
            pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = random_bytes(&seed),
                                                     .roots = random_bytes(&seed),
                                                     .threads = (unsigned)random_below(&seed, 20),
                                                     .outside = random_bytes(&seed),
                                                     .collector_ns = random_next(&seed) >> 34,
                                                     .program_ns = random_next(&seed) >> 34});
        }
        double limit = pacer.limit == PACER_NONE ? 1e300 : (double)pacer.limit;
        double simple = simple_goal((double)pacer.live, (double)pacer.roots, (double)pacer.outside, limit,
                                    pacer.gc_percent, (double)pacer.threads);
        if (simple > 1e300 / 2) {
            cr_assert_eq(pacer.goal, PACER_NONE);
            cr_assert_eq(pacer.trigger, PACER_NONE);
            continue;
        }
        double difference = (double)pacer.goal - simple;
        cr_assert(difference < 8 && difference > -8, "goal %zu, by it %.0f", (size_t)pacer.goal, simple);
        cr_assert_leq(pacer.trigger, pacer.goal);
        cr_assert_geq(pacer.trigger - pacer.live, KIB(180));
        cr_assert(pacer.trigger == pacer.goal || pacer.goal - pacer.trigger <= pacer.runway);
        cr_assert_leq(pacer.trigger, pacer.percent_trigger);
        cr_assert_eq(pacer.limiter.on, pacer.limiter.fill >= pacer.limiter.capacity);
    }
}

Test(pacer, while_a_trace_goes_on_the_heap_grows_as_marking_advances)
{
    cr_expect_eq(pacer_allowance(MIB(100), MIB(200), 0, MIB(50)), (size_t)MIB(100));
    cr_expect_eq(pacer_allowance(MIB(100), MIB(200), MIB(25), MIB(50)), (size_t)KIB(147200));
    cr_expect_eq(pacer_allowance(MIB(100), MIB(200), MIB(50) - 1, MIB(50)) / KIB(1), (size_t)191999,
                 "an eighth is left for the rounds");
    cr_expect_eq(pacer_allowance(MIB(200), MIB(300), MIB(100), MIB(100)), MIB(200) + MIB(100) / 8 * 7 * 2 / 3,
                 "more than was expected: half of the rest is");
    cr_expect_eq(pacer_allowance(MIB(100), MIB(200), MIB(100), MIB(50)), (size_t)MIB(200), "all");
    cr_expect_eq(pacer_allowance(MIB(100), MIB(200), UINT64_MAX, MIB(50)), (size_t)MIB(200), "the rounds");
    cr_expect_eq(pacer_allowance(MIB(100), MIB(200), 0, 0), (size_t)MIB(100), "nothing is known");
    cr_expect_eq(pacer_allowance(MIB(300), MIB(200), MIB(1), MIB(2)), (size_t)MIB(300), "beyond the goal");
    cr_expect_eq(pacer_allowance(MIB(300), PACER_NONE, 0, MIB(2)), PACER_NONE);
    cr_expect_eq(pacer_allowance(1, UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX - 1), UINT64_MAX / 8 * 7);
}

Test(pacer, how_far_the_heap_may_pass_the_goal)
{
    pacer_t pacer;
    pacer_init(&pacer, 100, PACER_NONE, KIB(64), 1);
    pacer_end_cycle(&pacer, &(pacer_cycle_t){.live = MIB(64)});
    cr_expect_eq(pacer.goal, MIB(128));
    cr_expect_eq(pacer_bound(&pacer), MIB(130));
    pacer_set_limit(&pacer, MIB(100));
    cr_expect_eq(pacer_bound(&pacer), pacer.goal, "the rest below the limit is for other things");
    pacer_set_limit(&pacer, PACER_NONE);
    pacer_set_gc_percent(&pacer, -1);
    cr_expect_eq(pacer_bound(&pacer), PACER_NONE);
}

/* What a program allocated beside a trace tells what it wants only as far as it was not kept waiting. */
Test(pacer, what_a_program_wants_beside_a_trace)
{
    enum { MS = 1000000 };
    const double rate = (double)MIB(1) / MS;
    cr_expect_eq(pacer_wanted(MIB(80), 100 * MS, 0, rate), MIB(90),
                 "nobody waited: what was allocated, and an eighth");
    cr_expect_eq(pacer_wanted(MIB(60), 100 * MS, 25 * MS, rate), MIB(80), "a quarter of the time was waited");
    cr_expect_eq(pacer_wanted(KIB(64), 100 * MS, 99 * MS, rate), MIB(100),
                 "all of it: the rate before tells");
    cr_expect_eq(pacer_wanted(0, 100 * MS, 100 * MS, rate), MIB(100));
    cr_expect_eq(pacer_wanted(0, 100 * MS, 300 * MS, rate), MIB(100), "more than the trace lasted");
    cr_expect_eq(pacer_wanted(MIB(16), 100 * MS, 99 * MS, 0), MIB(18),
                 "at least what was allocated, and an eighth");
    cr_expect_eq(pacer_wanted(0, 0, 0, rate), 0);
}

/* A program that allocates 1 MiB in a millisecond beside traces of 100 milliseconds: when it finds the goal
 * reached at once, it waits for all of the trace. */
Test(pacer, no_program_waits_for_more_than_one_whole_trace)
{
    enum { MS = 1000000, TRACE_MS = 100 };
    pacer_t pacer;
    pacer_init(&pacer, 100, PACER_NONE, KIB(64), 2);
    uint64_t waited_ms = TRACE_MS;
    for (int cycle = 0; cycle < 5; cycle++) {
        pacer_end_cycle(
            &pacer,
            &(pacer_cycle_t){.live = MIB(1000), .collector_ns = MS, .program_ns = 1000 * (uint64_t)MS});
        uint64_t room = pacer.goal - pacer.trigger,
                 ran_ms = room / MIB(1) < TRACE_MS ? room / MIB(1) : TRACE_MS;
        waited_ms = TRACE_MS - ran_ms;
        pacer_set_runway(&pacer,
                         pacer_wanted(MIB(ran_ms), TRACE_MS * MS, waited_ms * MS, (double)MIB(1) / MS));
        cr_expect(cycle == 0 || waited_ms <= 1, "cycle %d: %lu ms", cycle, (unsigned long)waited_ms);
    }
}
