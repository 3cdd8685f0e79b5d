/* The pacer: its formulas worked out by hand and against a naive version; then simulated programs of many
 * shapes, in which no goal may be missed, no cycle come too early, and no more than half of the time be spent
 * collecting. */
#include <criterion/criterion.h>
#include <limits.h>

#include "runtime/collect/pacer.h"
#include "support.h"

static const uint64_t SECOND = 1000000000; /* of CPU time */

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

/* ---- against a naive version, in floating point ---- */

static double naive_goal(double live, double roots, double outside, double limit, int percent)
{
    double goal = 1e300, step = live / 128 > 262144 ? live / 128 : 262144;
    if (percent >= 0) {
        goal = live + (live + roots) * percent / 100;
        double floor = 4.0 * 1048576 * percent / 100;
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

Test(pacer, agrees_with_the_naive_version)
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
            pacer_end_cycle(&pacer,
                            &(pacer_cycle_t){random_bytes(&seed), random_bytes(&seed), random_bytes(&seed),
                                             random_next(&seed) >> 34, random_next(&seed) >> 34});
        }
        double limit = pacer.limit == PACER_NONE ? 1e300 : (double)pacer.limit;
        double naive = naive_goal((double)pacer.live, (double)pacer.roots, (double)pacer.outside, limit,
                                  pacer.gc_percent);
        if (naive > 1e300 / 2) {
            cr_assert_eq(pacer.goal, PACER_NONE);
            cr_assert_eq(pacer.trigger, PACER_NONE);
            continue;
        }
        double difference = (double)pacer.goal - naive;
        cr_assert(difference < 8 && difference > -8, "goal %zu, naively %.0f", (size_t)pacer.goal, naive);
        cr_assert_leq(pacer.trigger, pacer.goal);
        cr_assert_geq(pacer.trigger - pacer.live, KIB(180));
        cr_assert(pacer.trigger == pacer.goal || pacer.goal - pacer.trigger <= pacer.runway);
        cr_assert_leq(pacer.trigger, pacer.percent_trigger);
        cr_assert_eq(pacer.limiter.on, pacer.limiter.fill >= pacer.limiter.capacity);
    }
}

/* ---- the limiter ---- */

Test(pacer, limiter_by_hand)
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

/* As long as cycles keep to it: collector <= program + capacity + longest cycle, at any time. */
Test(pacer, limiter_holds_the_collector_to_half)
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

/* ---- simulated programs ---- */

enum { CORES = 2 };
static const uint64_t GRAIN = 64 << 10; /* what a thread is handed at a time */

typedef struct program {
    pacer_t pacer;
    uint64_t (*live_at)(uint64_t allocated); /* bytes reachable, once this much has been allocated */
    uint64_t outside;
    unsigned holes_percent;           /* of the heap: what spans hold beyond it */
    uint64_t mark_mib_ns, run_mib_ns; /* CPU time to mark a MiB, and to allocate one */
    /* What happened. */
    uint64_t heap, allocated;
    uint64_t highest;                    /* of heap and outside */
    uint64_t untold_ns;                  /* of the program, since the pacer was told */
    uint64_t program_ns, collector_ns;   /* all of it */
    uint64_t longest_ns;                 /* of the cycles */
    uint64_t cycles, limited, held_back; /* grains handed out beyond the goal as the limiter was on */
    uint64_t since;                      /* allocated since the last cycle */
    double worst_short, worst_over;      /* peak / goal of a cycle, at the lowest and highest */
} program_t;

static program_t program_new(int percent, uint64_t limit, uint64_t (*live_at)(uint64_t))
{
    program_t program = {.live_at = live_at, .mark_mib_ns = 300000, .run_mib_ns = 1000000, .worst_short = 1};
    pacer_init(&program.pacer, percent, limit, GRAIN, CORES);
    return program;
}

static uint64_t outside_of(const program_t *program)
{
    return program->outside + program->heap / 100 * program->holes_percent;
}

static void program_collect(program_t *program)
{
    uint64_t outside = outside_of(program);
    double peak = (double)program->heap / (double)program->pacer.goal;
    program->worst_short = peak < program->worst_short ? peak : program->worst_short;
    program->worst_over = peak > program->worst_over ? peak : program->worst_over;
    program->limited += program->pacer.limited;
    cr_assert_geq(program->since, GRAIN, "two cycles with next to nothing between them");
    uint64_t live = program->live_at(program->allocated);
    program->heap = live < program->heap ? live : program->heap;
    uint64_t cost = 20000 + program->heap / MIB(1) * program->mark_mib_ns;
    pacer_end_cycle(&program->pacer, &(pacer_cycle_t){program->heap, 0, outside, cost, program->untold_ns});
    program->untold_ns = program->since = 0;
    program->collector_ns += cost;
    program->longest_ns = cost > program->longest_ns ? cost : program->longest_ns;
    program->cycles++;
    cr_assert_gt(program->pacer.goal, program->pacer.live);
    cr_assert_leq(program->pacer.trigger, program->pacer.goal);
}

/* One span, or one large object. A large one may exceed the goal only if it comes right after a cycle. */
static void program_take(program_t *program, uint64_t bytes)
{
    pacer_t *pacer = &program->pacer;
    uint64_t outside = outside_of(program);
    if (program->heap + bytes + outside > pacer->limit)
        pacer_set_outside(pacer, outside);
    if (program->heap + bytes >= pacer->trigger) {
        bool wants = pacer_wants_cycle(pacer, program->heap, bytes, program->untold_ns);
        program->untold_ns = 0;
        if (wants)
            program_collect(program);
    }
    uint64_t ns = bytes * program->run_mib_ns / MIB(1);
    program->heap += bytes;
    program->allocated += bytes;
    program->since += bytes;
    program->untold_ns += ns;
    program->program_ns += ns;
    program->held_back += program->heap > pacer->goal;
    if (program->heap + outside_of(program) > program->highest)
        program->highest = program->heap + outside_of(program);
    cr_assert(program->heap <= pacer->goal || program->since == bytes ||
                  (pacer->limiter.on && pacer->limited),
              "beyond the goal without the limiter");
}

static void program_run(program_t *program, uint64_t bytes)
{
    for (uint64_t end = program->allocated + bytes; program->allocated < end;)
        program_take(program, GRAIN);
}

static uint64_t steady(uint64_t allocated)
{
    (void)allocated;
    return MIB(100);
}

static uint64_t tiny(uint64_t allocated)
{
    (void)allocated;
    return KIB(20);
}

static uint64_t ramp(uint64_t allocated)
{
    return allocated / 4;
}

/* 20 MiB, but 200 MiB between the second and the third GiB. */
static uint64_t spike(uint64_t allocated)
{
    return allocated >> 30 == 2 ? MIB(200) : MIB(20);
}

/* Up to 160 MiB and down at once, every 640 MiB. */
static uint64_t saw_tooth(uint64_t allocated)
{
    return allocated % MIB(640) / 4;
}

Test(pacer, every_shape_meets_its_goal)
{
    static uint64_t (*const shapes[])(uint64_t) = {steady, tiny, ramp, spike, saw_tooth};
    static const int percents[] = {10, 25, 50, 100, 200, 400, 1000};
    for (size_t i = 0; i < COUNT(shapes) * COUNT(percents); i++) {
        int percent = percents[i / COUNT(shapes)];
        program_t program = program_new(percent, PACER_NONE, shapes[i % COUNT(shapes)]);
        program_run(&program, MIB(4096));
        cr_expect_leq(program.worst_over, 1.0);
        /* A goal of less than 4 MiB cannot be met in grains of 64 KiB to 5 %. */
        if (percent >= 100)
            cr_expect_geq(program.worst_short, 0.95, "shape %zu, %d %%: %f", i % COUNT(shapes), percent,
                          program.worst_short);
        cr_expect_eq(program.limited, 0);
        /* The goal is at least 4 MiB * GOGC/100, and the live heap of no shape but tiny stays below 64
         * KiB. */
        uint64_t most_cycles = MIB(4096) / (MIB(4) / 100 * (unsigned)percent - MIB(1) / 8 - KIB(20));
        cr_expect_leq(program.cycles, most_cycles, "shape %zu, %d %%", i % COUNT(shapes), percent);
    }
}

Test(pacer, steady_heap_collects_as_often_as_the_percentage_says)
{
    static const int percents[] = {10, 25, 50, 100, 200, 400, 1000};
    for (size_t i = 0; i < COUNT(percents); i++) {
        program_t program = program_new(percents[i], PACER_NONE, steady);
        program_run(&program, MIB(1000)); /* to reach 100 MiB live */
        uint64_t before = program.cycles;
        program.worst_short = 1;
        program_run(&program, MIB(20000));
        double expected = 20000.0 / percents[i];
        double got = (double)(program.cycles - before);
        cr_expect(got >= expected * 0.99 - 1 && got <= expected * 1.03 + 1, "%d %%: %.0f cycles, not %.0f",
                  percents[i], got, expected);
        cr_expect_geq(program.worst_short, 0.99);
    }
}

Test(pacer, spike_is_forgotten_after_one_cycle)
{
    program_t program = program_new(100, PACER_NONE, spike);
    program_run(&program, MIB(3071));
    cr_expect_eq(program.pacer.goal, MIB(400));
    program_run(&program, MIB(401));
    cr_expect_eq(program.pacer.goal, MIB(40));
}

Test(pacer, large_objects_meet_the_goal)
{
    uint64_t seed = 11;
    program_t program = program_new(100, MIB(180), steady);
    program_run(&program, MIB(1000));
    uint64_t cycles = program.cycles, allocated = program.allocated;
    for (int i = 0; i < 20000; i++)
        program_take(&program, random_below(&seed, 4) ? GRAIN : MIB(1) + random_below(&seed, MIB(15)));
    cycles = program.cycles - cycles;
    allocated = program.allocated - allocated;
    cr_expect_leq(program.worst_over, 1.0);
    cr_expect_eq(program.held_back, 0);
    cr_expect_geq(cycles, allocated / MIB(75), "74 MiB from live to goal");
    cr_expect_leq(cycles, allocated / MIB(58), "less what a large object may lack of it");
}

Test(pacer, off_never_collects)
{
    program_t program = program_new(-1, PACER_NONE, steady);
    program_run(&program, MIB(8192));
    cr_expect_eq(program.cycles, 0);
}

Test(pacer, off_under_a_limit_collects_at_the_limit)
{
    program_t program = program_new(-1, MIB(400), steady);
    program.outside = MIB(100);
    pacer_set_outside(&program.pacer, MIB(100));
    program_run(&program, MIB(10000));
    cr_expect_eq(program.limited, program.cycles);
    cr_expect_leq(program.worst_over, 1.0);
    cr_expect_geq(program.worst_short, 0.99);
    cr_expect_eq(program.pacer.goal, MIB(291), "300 MiB of room less 3 %%");
    cr_expect_leq(program.cycles, 10000 / 190 + 1);
    cr_expect_eq(program.held_back, 0);
}

/* Live at 55 % of the limit, and every MiB of the heap holds a quarter of a MiB more. That is not known until
 * the first cycle, so the limit has to stop the first growth. */
Test(pacer, fragmented_heap_stays_below_the_limit)
{
    static const int percents[] = {-1, 100, 400};
    for (size_t i = 0; i < COUNT(percents); i++) {
        program_t program = program_new(percents[i], MIB(180), steady);
        program.outside = MIB(10);
        program.holes_percent = 25;
        program_run(&program, MIB(10000));
        cr_expect_leq(program.highest, MIB(181), "%d %%: %zu", percents[i], (size_t)program.highest);
        cr_expect_geq(program.highest, MIB(180) / 100 * 97);
        cr_expect_leq(program.cycles, 10000 / 25);
        cr_expect_eq(program.held_back, 0);
    }
}

Test(pacer, limit_takes_over_from_the_percentage_and_lets_go)
{
    program_t program = program_new(100, MIB(200), spike);
    program_run(&program, MIB(2000));
    cr_expect_eq(program.limited, 0, "20 MiB live, goal 40");
    program_run(&program, MIB(1000));
    cr_expect(program.pacer.limited, "200 MiB live");
    program_run(&program, MIB(600));
    cr_expect_not(program.pacer.limited);
    cr_expect_eq(program.pacer.goal, MIB(40));
}

/* Marking as expensive as here, the collector would take 96 % without the limiter. */
Test(pacer, live_beyond_the_limit_leaves_half_to_the_program)
{
    static const int percents[] = {-1, 1000};
    for (size_t i = 0; i < COUNT(percents); i++) {
        program_t program = program_new(percents[i], MIB(100), steady);
        program_run(&program, MIB(60000));
        cr_expect_leq(program.collector_ns,
                      program.program_ns + program.pacer.limiter.capacity + program.longest_ns);
        cr_expect_geq(program.collector_ns, program.program_ns / 10 * 8, "not idle either");
        cr_expect_gt(program.held_back, 0);
        cr_expect_gt(program.pacer.limiter_cycle, program.cycles - 100, "it says when");
    }
}

/* Cycles longer than the bucket: each has to be paid for before the next. */
Test(pacer, long_cycles_are_paid_for)
{
    program_t program = program_new(-1, MIB(100), steady);
    program.mark_mib_ns = 60000000; /* 6 s a cycle */
    program_run(&program, MIB(100000));
    cr_expect_leq(program.collector_ns,
                  program.program_ns + program.pacer.limiter.capacity + program.longest_ns);
    cr_expect_geq(program.cycles, 15);
}

/* Manual memory alone is beyond the limit, and next to nothing is collected: few cycles, since they gain
 * nothing. */
Test(pacer, no_room_for_a_tiny_heap_is_no_storm)
{
    program_t program = program_new(100, MIB(50), tiny);
    program.outside = MIB(60);
    pacer_set_outside(&program.pacer, MIB(60));
    program_run(&program, MIB(1000));
    cr_expect_leq(program.cycles, 1000 * 8);
    cr_expect_leq(program.collector_ns, program.program_ns / 5);
}

/* The percentage's goal holds while the limiter is on: the heap does not grow without bound. */
Test(pacer, limiter_leaves_the_percentage_alone)
{
    program_t program = program_new(50, MIB(100), steady);
    program.mark_mib_ns = 60000000;
    uint64_t highest = 0;
    for (int i = 0; i < 5000; i++) {
        program_run(&program, MIB(1));
        highest = program.heap > highest ? program.heap : highest;
    }
    cr_expect_leq(highest, MIB(151));
    cr_expect_gt(program.collector_ns, program.program_ns, "and that is what it costs");
}

static uint64_t relief(uint64_t allocated)
{
    return allocated < MIB(3000) ? MIB(150) : MIB(30);
}

Test(pacer, limiter_goes_off_when_there_is_room_again)
{
    program_t program = program_new(100, MIB(100), relief);
    program_run(&program, MIB(3000));
    cr_expect_gt(program.pacer.limiter_cycle, 0);
    program_run(&program, MIB(6000));
    cr_expect_not(program.pacer.limiter.on);
    cr_expect_not(program.pacer.limited);
    cr_expect_eq(program.pacer.goal, MIB(60));
    uint64_t before = program.held_back;
    program_run(&program, MIB(3000));
    cr_expect_eq(program.held_back, before);
}
