/* gctrace: lines worked out by hand, and lines of a real Go program taken apart and put together again. */
#include <criterion/criterion.h>

#include "runtime/gc/cycle/gctrace.h"
#include "tests/unit/support.h"

static char room[GCTRACE_LINE];

static const char *line_of(const gctrace_cycle_t *cycle)
{
    text_t text = text_on(room, sizeof room);
    gctrace_add_cycle(&text, cycle);
    cr_expect_not(text.truncated);
    return room;
}

Test(gctrace, by_hand)
{
    gctrace_cycle_t cycle = {
        .number = 7,
        .began_ns = 121999999,
        .cpu_percent = 12,
        .clock = {31900, 4299999, 9000},
        .cpu = {62000, 1100000, 4100000, 0, 18500},
        .heap_began = MIB(8) - 1,
        .heap_ended = MIB(8),
        .live = MIB(5) - 1,
        .goal = MIB(8) + KIB(900),
        .stacks = KIB(100),
        .globals = MIB(1),
        .cores = 2,
    };
    cr_expect_str_eq(line_of(&cycle),
                     "gc 7 @0.121s 12%: 0.031+4.2+0.009 ms clock, 0.062+1.1/4.1/0+0.018 ms cpu, "
                     "7->8->4 MB, 8 MB goal, 0 MB stacks, 1 MB globals, 2 P\n");
    cycle.forced = true;
    cycle.began_ns = 61234567890;
    cr_expect_str_eq(line_of(&cycle),
                     "gc 7 @61.234s 12%: 0.031+4.2+0.009 ms clock, 0.062+1.1/4.1/0+0.018 ms cpu, "
                     "7->8->4 MB, 8 MB goal, 0 MB stacks, 1 MB globals, 2 P (forced)\n");
}

Test(gctrace, beside_the_program)
{
    text_t text = text_on(room, sizeof room);
    const uint64_t pages[] = {7168, 1993, 375, 11};
    gctrace_add_beside(&text, 7,
                       &(gctrace_beside_t){.rounds = 3, .pages = pages, .waits = 1, .wait_ns = 210000});
    cr_expect_str_eq(room, "gc 7 beside the program: pages written 7168+1993+375+11, 1 waits, 0.21 ms\n");
    text = text_on(room, sizeof room);
    gctrace_add_beside(&text, 8,
                       &(gctrace_beside_t){.young = true, .pages_before = 50, .rounds = 1, .pages = pages});
    cr_expect_str_eq(room, "gc 8 young, beside the program: pages written 50+7168+1993, 0 waits, 0 ms\n");
}

/* Digits of a time, as fmtNSAsMS of Go gives them. */
Test(gctrace, digits)
{
    static const struct {
        uint64_t ns;
        const char *expected;
    } cases[] = {
        {0, "0"},         {999, "0"},       {1000, "0.001"},  {9999, "0.009"},    {10000, "0.010"},
        {99999, "0.099"}, {100000, "0.10"}, {129999, "0.12"}, {999999, "0.99"},   {1000000, "1.0"},
        {9999999, "9.9"}, {10000000, "10"}, {10999999, "10"}, {123456789, "123"}, {3723004005006, "3723004"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "gc 0 @0.000s 0%%: %s+0+0 ms clock, ", cases[i].expected);
        const char *line = line_of(&(gctrace_cycle_t){.clock = {.stop = cases[i].ns}});
        cr_expect_eq(strncmp(line, expected, strlen(expected)), 0, "%zu ns: %s", (size_t)cases[i].ns, line);
    }
}

static uint64_t ns_of(double ms)
{
    return (uint64_t)(ms * 1e6 + 0.5);
}

static gctrace_cycle_t taken_apart(const char *line)
{
    gctrace_cycle_t cycle = {.number = 0};
    double began, clock[3], cpu[5];
    size_t mb[6];
    int fields =
        sscanf(line,
               "gc %zu @%lfs %u%%: %lf+%lf+%lf ms clock, %lf+%lf/%lf/%lf+%lf ms cpu, %zu->%zu->%zu MB, "
               "%zu MB goal, %zu MB stacks, %zu MB globals, %u P",
               &cycle.number, &began, &cycle.cpu_percent, &clock[0], &clock[1], &clock[2], &cpu[0], &cpu[1],
               &cpu[2], &cpu[3], &cpu[4], &mb[0], &mb[1], &mb[2], &mb[3], &mb[4], &mb[5], &cycle.cores);
    cr_assert_eq(fields, 18, "%s", line);
    cycle.began_ns = ns_of(began * 1e3);
    cycle.clock = (gctrace_clock_t){ns_of(clock[0]), ns_of(clock[1]), ns_of(clock[2])};
    cycle.cpu = (gctrace_cpu_t){ns_of(cpu[0]), ns_of(cpu[1]), ns_of(cpu[2]), ns_of(cpu[3]), ns_of(cpu[4])};
    cycle.heap_began = mb[0] << 20;
    cycle.heap_ended = mb[1] << 20;
    cycle.live = mb[2] << 20;
    cycle.goal = mb[3] << 20;
    cycle.stacks = mb[4] << 20;
    cycle.globals = mb[5] << 20;
    cycle.forced = strstr(line, "(forced)") != NULL;
    return cycle;
}

/* Printed by Go 1.19 under GODEBUG=gctrace=1: a program with deep stacks and a large table, bench/gc/trees.go
 * and bench/gc/cache.go. */
Test(gctrace, lines_of_go)
{
    static const char *const lines[] = {
        "gc 1 @0.082s 0%: 0.011+6.4+0.003 ms clock, 0.022+0/0.61/11+0.006 ms cpu, "
        "0->0->0 MB, 24 MB goal, 80 MB stacks, 24 MB globals, 2 P (forced)\n",
        "gc 3 @0.121s 2%: 0.028+3.7+0.083 ms clock, 0.056+2.5/0.057/3.5+0.16 ms cpu, "
        "141->177->75 MB, 179 MB goal, 80 MB stacks, 24 MB globals, 2 P\n",
        "gc 4 @0.126s 2%: 0.081+3.7+0.002 ms clock, 0.16+0/0.12/7.2+0.005 ms cpu, "
        "76->76->0 MB, 228 MB goal, 80 MB stacks, 24 MB globals, 2 P (forced)\n",
        "gc 26 @0.470s 6%: 0.018+14+0.003 ms clock, 0.036+0.49/3.1/12+0.007 ms cpu, "
        "19->23->11 MB, 23 MB goal, 0 MB stacks, 0 MB globals, 2 P\n",
        "gc 5 @1.212s 8%: 0.013+318+0.041 ms clock, 0.026+0.046/174/211+0.083 ms cpu, "
        "335->347->328 MB, 394 MB goal, 0 MB stacks, 0 MB globals, 2 P\n",
        "gc 7 @3.318s 8%: 0.007+376+0.004 ms clock, 0.014+0/207/498+0.008 ms cpu, "
        "316->316->316 MB, 633 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)\n",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        gctrace_cycle_t cycle = taken_apart(lines[i]);
        cr_expect_str_eq(line_of(&cycle), lines[i]);
    }
}

Test(gctrace, longest_line_fits)
{
    gctrace_cycle_t cycle;
    memset(&cycle, 0xff, sizeof cycle);
    cycle.forced = true;
    cr_expect_geq(strlen(line_of(&cycle)), 300);
}

Test(gctrace, limiter)
{
    text_t text = text_on(room, sizeof room);
    gctrace_add_limiter(&text, true, 7);
    cr_expect_str_eq(
        room,
        "gc limiter on after gc 7: half of the CPU went into collecting; a limit, if set, may be exceeded\n");
    text = text_on(room, sizeof room);
    gctrace_add_limiter(&text, false, 9);
    cr_expect_str_eq(room, "gc limiter off after gc 9\n");
}
