/* pacer_programs: simulated programs of many shapes, in which no goal may be missed, no cycle come too early, and no more
 * than half of the time be spent collecting. */
#include <criterion/criterion.h>

#include "runtime/policy/pacer.h"
#include "tests/unit/policy/pacer_tests.h"
#include "tests/unit/support.h"

/* ---- simulated programs ---- */

enum { CORES = 2 };

static const uint64_t GRAIN = 64 << 10; /* what a thread is handed at a time */

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
    pacer_end_cycle(&program->pacer, &(pacer_cycle_t){.live = program->heap,
                                                      .outside = outside,
                                                      .collector_ns = cost,
                                                      .program_ns = program->untold_ns});
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

/* 20 MiB, but 200 MiB while the third GiB is allocated. */
static uint64_t spike(uint64_t allocated)
{
    return allocated >> 30 == 2 ? MIB(200) : MIB(20);
}

/* Up to 160 MiB and down at once, every 640 MiB. */
static uint64_t saw_tooth(uint64_t allocated)
{
    return allocated % MIB(640) / 4;
}

Test(pacer_programs, every_shape_meets_its_goal)
{
    static uint64_t (*const shapes[])(uint64_t) = {steady, tiny, ramp, spike, saw_tooth};
    static const int percents[] = {10, 25, 50, 100, 200, 400, 1000};
    for (size_t i = 0; i < COUNT(shapes) * COUNT(percents); i++) {
        int percent = percents[i / COUNT(shapes)];
        program_t program = program_new(percent, PACER_NONE, shapes[i % COUNT(shapes)]);
        program_run(&program, MIB(4096));
        cr_expect_leq(program.worst_over, 1.0);
        /* With a goal of less than 4 MiB, grains of 64 KiB are too coarse to come within 5 %. */
        if (percent >= 100)
            cr_expect_geq(program.worst_short, 0.95, "shape %zu, %d %%: %f", i % COUNT(shapes), percent,
                          program.worst_short);
        cr_expect_eq(program.limited, 0);
        /* The goal is at least 4 MiB * GOGC/100. Only the live heap of `tiny` stays below 64 KiB. */
        uint64_t most_cycles = MIB(4096) / (MIB(4) / 100 * (unsigned)percent - MIB(1) / 8 - KIB(20));
        cr_expect_leq(program.cycles, most_cycles, "shape %zu, %d %%", i % COUNT(shapes), percent);
    }
}

Test(pacer_programs, steady_heap_collects_as_often_as_the_percentage_says)
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

Test(pacer_programs, spike_is_forgotten_after_one_cycle)
{
    program_t program = program_new(100, PACER_NONE, spike);
    program_run(&program, MIB(3071));
    cr_expect_eq(program.pacer.goal, MIB(400));
    program_run(&program, MIB(401));
    cr_expect_eq(program.pacer.goal, MIB(40));
}

Test(pacer_programs, large_objects_meet_the_goal)
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

Test(pacer_programs, off_never_collects)
{
    program_t program = program_new(-1, PACER_NONE, steady);
    program_run(&program, MIB(8192));
    cr_expect_eq(program.cycles, 0);
}

Test(pacer_programs, off_under_a_limit_collects_at_the_limit)
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

/* 55 % of the limit is live, and the spans of each MiB of the heap hold a quarter of a MiB more. The pacer
 * does not know that before the first cycle, so the limit has to stop the first growth. */
Test(pacer_programs, fragmented_heap_stays_below_the_limit)
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

Test(pacer_programs, limit_takes_over_from_the_percentage_and_lets_go)
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

/* With marking as expensive as here, the collector would take 96 % of the time without the limiter. */
Test(pacer_programs, live_beyond_the_limit_leaves_half_to_the_program)
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
Test(pacer_programs, long_cycles_are_paid_for)
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
Test(pacer_programs, no_room_for_a_tiny_heap_is_no_storm)
{
    program_t program = program_new(100, MIB(50), tiny);
    program.outside = MIB(60);
    pacer_set_outside(&program.pacer, MIB(60));
    program_run(&program, MIB(1000));
    cr_expect_leq(program.cycles, 1000 * 8);
    cr_expect_leq(program.collector_ns, program.program_ns / 5);
}

/* The percentage's goal holds while the limiter is on: the heap does not grow without bound. */
Test(pacer_programs, limiter_leaves_the_percentage_alone)
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

Test(pacer_programs, limiter_goes_off_when_there_is_room_again)
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
