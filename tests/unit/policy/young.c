/* young: simulated programs. Each keeps `live` bytes, and drops most of what it allocates. */
#include <criterion/criterion.h>

#include "runtime/policy/young.h"
#include "tests/unit/support.h"

enum { PAGE = 4096 };

/* A program, and how much a trace costs it. */
typedef struct program {
    uint64_t live;
    double survive; /* the share of new bytes that is reachable at a trace */
    double grows;   /* the share that stays for good */
    double writes;  /* the share of the old pages that it writes between two traces */
    double mark_ns; /* for a live byte */
} program_t;

typedef struct run {
    uint32_t cycles, young, longest_row;
    uint64_t peak;
    uint64_t collector_ns;
} run_t;

/* GOGC=100. What survived a young trace and has died since is marked until the next full one. */
static run_t run(young_t *young, program_t program, uint32_t cycles)
{
    run_t run = {.cycles = cycles};
    uint64_t live = program.live, marked = young->full_live ? young->live : 0;
    uint32_t row = 0;
    for (uint32_t i = 0; i < cycles; i++) {
        uint64_t goal = young->full_live ? 2 * young->full_live : live;
        bool is_young = young->next, is_kept = young_would_follow(young);
        uint64_t came = goal > marked ? goal - marked : MIB(1),
                 survived = (uint64_t)((double)came * program.survive);
        live += (uint64_t)((double)came * program.grows);
        uint64_t heap = marked + came, old = marked;
        marked = is_young ? marked + survived : live + survived;
        young_cycle_t cycle = {.young = is_young,
                               .by_growth = true,
                               .possible = is_kept,
                               .heap = heap,
                               .live = marked < heap ? marked : heap,
                               .goal = goal,
                               .pages = (uint64_t)((double)(old / PAGE) * program.writes),
                               .collector_ns =
                                   (uint64_t)((double)(is_young ? survived : marked) * program.mark_ns)};
        young_end_cycle(young, &cycle);
        row = is_young ? row + 1 : 0;
        run.young += is_young;
        run.longest_row = row > run.longest_row ? row : run.longest_row;
        run.peak = heap > run.peak ? heap : run.peak;
        run.collector_ns += cycle.collector_ns;
    }
    return run;
}

static const program_t server = {.live = MIB(500), .survive = 0.01, .writes = 0.01, .mark_ns = 0.5};

Test(young, a_server_has_young_cycles_and_a_heap_within_its_goal)
{
    young_t young = {.next = false};
    run_t with = run(&young, server, 100);
    cr_expect_gt(with.young, 85u, "%u", with.young);
    cr_expect_leq(with.peak, 2 * server.live + server.live / 10);
    program_t only_full = server;
    only_full.writes = 1;
    young_t never = {.next = false};
    run_t without = run(&never, only_full, 100);
    cr_expect_lt(with.collector_ns, without.collector_ns / 5);
}

/* The more survives, the sooner a full cycle follows. */
Test(young, old_garbage_is_bounded)
{
    program_t program = server;
    program.survive = 0.1;
    young_t young = {.next = false};
    run_t result = run(&young, program, 100);
    cr_expect_gt(result.young, 40u);
    cr_expect_leq(result.longest_row, 4u);
}

Test(young, a_program_that_builds_its_data_has_full_cycles)
{
    program_t program = server;
    program.live = MIB(1);
    program.survive = program.grows = 0.9;
    young_t young = {.next = false};
    cr_expect_eq(run(&young, program, 12).young, 0u);
}

Test(young, a_small_heap_has_full_cycles)
{
    program_t program = server;
    program.live = MIB(10);
    young_t young = {.next = false};
    cr_expect_eq(run(&young, program, 100).young, 0u);
}

/* What it writes beside a trace may be little, and between two traces much. */
Test(young, trials_that_do_not_pay_become_rare)
{
    young_t young = {.next = false};
    program_t program = server;
    program.writes = 0.05;
    program.mark_ns = 0.01; /* faults cost more than marking */
    run_t result = run(&young, program, 300);
    cr_expect_leq(result.young, 9u, "%u", result.young);
    cr_expect_eq(result.longest_row, 1u);
    result = run(&young, server, 80); /* it becomes a server */
    cr_expect_gt(result.young, 10u);
    cr_expect_gt(run(&young, server, 100).young, 85u);
}

Test(young, a_program_that_writes_all_over_has_full_cycles)
{
    young_t young = {.next = false};
    program_t program = server;
    program.writes = 0.5;
    cr_expect_eq(run(&young, program, 100).young, 0u);
}

/* It may have freed next to nothing, and then says nothing of what a full one costs. */
Test(young, after_a_cycle_that_the_program_asked_for_there_is_no_trial)
{
    young_t young = {.next = false};
    young_cycle_t cycle = {
        .possible = true, .heap = MIB(300), .live = MIB(100), .goal = MIB(200), .collector_ns = 1000};
    young_end_cycle(&young, &cycle);
    cr_expect_not(young.next);
    cycle.by_growth = true;
    young_end_cycle(&young, &cycle);
    cr_expect(young.next);
}

/* A full cycle after which there is a trial. */
static const young_cycle_t full = {.by_growth = true,
                                   .possible = true,
                                   .heap = MIB(300),
                                   .live = MIB(100),
                                   .goal = MIB(200),
                                   .collector_ns = 1000};

/* A program that allocates slowly. */
Test(young, where_collections_take_little_time_there_is_no_trial)
{
    young_t young = {.next = false};
    young_cycle_t cycle = full;
    cycle.passed_ns = 5000;
    young_end_cycle(&young, &cycle);
    cr_expect_not(young.next);
    cycle.passed_ns = 4000;
    young_end_cycle(&young, &cycle);
    cr_expect(young.next);
}

/* As with GOGC=25. */
Test(young, where_the_way_to_the_goal_is_short_there_is_no_trial)
{
    young_t young = {.next = false};
    young_cycle_t cycle = full;
    cycle.goal = cycle.live + cycle.live / 4;
    young_end_cycle(&young, &cycle);
    cr_expect_not(young.next);
}

/* Faults were paid for nothing. */
Test(young, a_trial_that_could_not_be_used_is_put_off)
{
    young_t young = {.next = false};
    young_end_cycle(&young, &full);
    cr_expect(young.next);
    for (int i = 0; i < 3; i++) {
        young_end_cycle(&young, &full);
        cr_expect_not(young.next);
    }
    young_end_cycle(&young, &full);
    cr_expect(young.next);
    young_refuse(&young);
    cr_expect_not(young.next);
    cr_expect_eq(young.put_off, 4u);
}

Test(young, nothing_follows_where_it_is_not_possible)
{
    young_t young = {.next = false};
    young_end_cycle(
        &young, &(young_cycle_t){.heap = MIB(200), .live = MIB(100), .goal = MIB(200), .collector_ns = 1000});
    cr_expect_not(young.next);
    cr_expect_not(young_would_follow(&young));
}

/* Keeping the marks of a trace that no young one follows costs a walk over all of them. */
Test(young, marks_are_kept_after_a_first_cycle_that_speaks_for_it)
{
    young_t young = {.next = false};
    cr_expect_not(young_would_follow(&young));
    young_cycle_t cycle = full;
    cycle.possible = false;
    young_end_cycle(&young, &cycle);
    cr_expect(young_would_follow(&young));
    cycle.pages = cycle.live / PAGE / 16;
    young_end_cycle(&young, &cycle);
    cr_expect_not(young_would_follow(&young));
}

Test(young, always_means_seven_of_eight)
{
    young_t young = {.always = true};
    program_t program = server;
    program.writes = 1;
    run_t result = run(&young, program, 80);
    cr_expect_eq(result.young, 70u);
    cr_expect_eq(result.longest_row, 7u);
}
