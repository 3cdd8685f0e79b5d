/* release: the rule by hand, and simulated programs whose heaps rise and fall in many ways. Time is the
 * simulation's. */
#include <criterion/criterion.h>

#include "runtime/policy/release.h"
#include "tests/unit/support.h"

static const uint64_t SECOND = 1000000000, MILLISECOND = 1000000;

/* --- by hand --- */

static release_t rule_of(int64_t percent)
{
    return (release_t){.percent = percent};
}

Test(release, the_plain_bound)
{
    static const struct {
        const char *what;
        int64_t percent;
        size_t inuse, unused, bound;
    } cases[] = {
        {"as much as is live", 100, MIB(100), 0, MIB(100)},
        {"nothing in use: the floor", 100, 0, 0, MIB(16)},
        {"less in use than the floor", 100, MIB(3), 0, MIB(16)},
        {"free cells count as idle", 100, MIB(100), MIB(20), MIB(60)},
        {"only free cells", 100, MIB(100), MIB(100), MIB(16)},
        {"half", 50, MIB(100), 0, MIB(50)},
        {"0 holds nothing", 0, MIB(100), 0, 0},
        {"more than can be had", INT64_MAX, MIB(100), 0, SIZE_MAX},
        {"off", -1, MIB(100), 0, SIZE_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        release_t rule = rule_of(cases[i].percent);
        size_t bound = release_plain_bound(&rule, cases[i].inuse, cases[i].unused);
        cr_expect(bound <= cases[i].bound && cases[i].bound - bound <= 200, "%s: %zu", cases[i].what, bound);
        cr_expect_eq(release_bound(&rule, cases[i].inuse, cases[i].unused), bound, "%s: nothing was learnt",
                     cases[i].what);
    }
}

Test(release, not_before_a_step_more_and_then_some)
{
    release_t rule = rule_of(100);
    const size_t inuse = 100 * MIB(1);
    size_t bound = release_plain_bound(&rule, inuse, 0);
    cr_expect_eq(release_excess(&rule, (release_sizes_t){inuse, 0, bound + RELEASE_STEP}), 0);
    cr_expect_eq(release_excess(&rule, (release_sizes_t){inuse, 0, bound + RELEASE_STEP + 1}),
                 RELEASE_STEP + 1 + bound / 64);
    cr_expect_eq(release_excess(&rule, (release_sizes_t){0, 0, 0}), 0);
    rule.percent = 0;
    cr_expect_eq(release_excess(&rule, (release_sizes_t){inuse, 0, RELEASE_STEP}), 0);
    cr_expect_eq(release_excess(&rule, (release_sizes_t){inuse, 0, RELEASE_STEP + 1}), RELEASE_STEP + 1);
    rule.percent = -1;
    cr_expect_eq(release_excess(&rule, (release_sizes_t){0, 0, SIZE_MAX}), 0);
}

Test(release, what_comes_back_is_held)
{
    release_t rule = rule_of(100);
    release_note_inuse(&rule, MIB(200));
    release_note_fresh(&rule, MIB(50));
    cr_expect_eq(rule.learnt, 0, "nothing was given");
    release_note_given(&rule, MIB(30));
    release_note_fresh(&rule, MIB(20));
    cr_expect_eq(rule.learnt, MIB(20));
    release_note_fresh(&rule, MIB(20));
    cr_expect_eq(rule.learnt, MIB(30), "no more than was given");
    cr_expect_eq(rule.given, 0);
    size_t plain = release_plain_bound(&rule, MIB(50), 0);
    cr_expect_eq(release_bound(&rule, MIB(50), 0), plain + MIB(30) / 100 * 100);
    rule.percent = 10;
    plain = release_plain_bound(&rule, MIB(50), 0);
    cr_expect_eq(release_bound(&rule, MIB(50), 0), plain + MIB(30) / 100 * 10, "a tenth of it");
    rule.percent = 0;
    cr_expect_eq(release_bound(&rule, MIB(50), 0), 0, "0 learns nothing");
}

Test(release, what_was_learnt_is_bounded_by_the_peak)
{
    release_t rule = rule_of(100);
    release_note_inuse(&rule, MIB(100));
    release_note_given(&rule, MIB(1000));
    release_note_fresh(&rule, MIB(1000));
    cr_expect_eq(rule.learnt, MIB(100));
    for (size_t inuse = 0; inuse <= MIB(100); inuse += MIB(1))
        cr_assert_leq(inuse + release_bound(&rule, inuse, 0), MIB(200));
}

Test(release, all_fades_with_time)
{
    release_t rule = rule_of(100);
    release_note_inuse(&rule, MIB(100));
    release_note_given(&rule, MIB(90));
    release_note_fresh(&rule, MIB(60));
    release_fade(&rule, MIB(20), 5 * SECOND);
    cr_expect_eq(rule.learnt, MIB(60), "the first look at the clock starts it");
    release_fade(&rule, MIB(20), 5 * SECOND + MIB(10) * RELEASE_FADE_NS);
    cr_expect_eq(rule.learnt, MIB(50));
    cr_expect_eq(rule.given, MIB(20));
    cr_expect_eq(rule.peak, MIB(90));
    release_fade(&rule, MIB(20), 4 * SECOND);
    cr_expect_eq(rule.peak, MIB(90), "a clock that went back is let pass");
    release_fade(&rule, MIB(20), 100 * SECOND);
    cr_expect_eq(rule.learnt, 0);
    cr_expect_eq(rule.given, 0);
    cr_expect_eq(rule.peak, MIB(20), "what is in use now");
}

Test(release, fading_in_small_steps_loses_nothing)
{
    release_t rule = rule_of(100);
    release_note_inuse(&rule, MIB(100));
    release_fade(&rule, 0, 1);
    for (uint64_t now = 1; now <= 1 + MIB(10) * RELEASE_FADE_NS; now += 999)
        release_fade(&rule, 0, now);
    cr_expect_leq(rule.peak, MIB(90) + 100);
}

Test(release, nothing_overflows)
{
    static const size_t sizes[] = {0, 1, MIB(16), (size_t)1 << 47, SIZE_MAX};
    static const int64_t percents[] = {-1, 0, 1, 100, INT64_MAX};
    for (size_t i = 0; i < COUNT(sizes) * COUNT(sizes) * COUNT(sizes) * COUNT(percents); i++) {
        size_t n = i;
        size_t inuse = sizes[n % COUNT(sizes)], unused = sizes[(n /= COUNT(sizes)) % COUNT(sizes)];
        size_t idle = sizes[(n /= COUNT(sizes)) % COUNT(sizes)];
        release_t rule = rule_of(percents[n / COUNT(sizes)]);
        unused = unused < inuse ? unused : inuse;
        release_note_inuse(&rule, inuse);
        release_note_given(&rule, idle);
        release_note_given(&rule, SIZE_MAX);
        release_note_fresh(&rule, SIZE_MAX);
        release_fade(&rule, inuse, UINT64_MAX);
        cr_assert_geq(release_bound(&rule, inuse, unused), release_plain_bound(&rule, inuse, unused));
        cr_assert_leq(release_excess(&rule, (release_sizes_t){inuse, unused, idle}), idle);
    }
}

Test(release, at_the_peak_idle_memory_goes_that_was_not_learnt)
{
    release_t rule = rule_of(100);
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(100), 0, 0}), 0);
    cr_expect_eq(rule.highest, MIB(100));
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(60), 0, MIB(40)}), 0, "no new peak");
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(80), 0, MIB(40)}), MIB(20));
    cr_expect_eq(rule.highest, MIB(100), "it is kept");
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(96), 0, MIB(8)}), MIB(4));
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(100), 0, MIB(4)}), 0,
                 "a little idle memory may stay");
    cr_expect_eq(rule.highest, MIB(104));
    rule.learnt = MIB(30);
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(100), 0, MIB(40)}), MIB(6));
    cr_expect_eq(rule.highest, MIB(134), "what was learnt is held");
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(110), 0, MIB(40)}), MIB(10),
                 "but in exchange for more in use than ever");
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(110), 0, MIB(32)}), 0, "once");
    rule.percent = -1;
    cr_expect_eq(release_at_peak(&rule, (release_sizes_t){MIB(100), 0, MIB(90)}), 0);
}

/* --- simulated programs --- */

typedef struct program {
    release_t rule;
    size_t limit; /* as limit.c keeps it: idle memory makes room before fresh is taken */
    size_t inuse, idle;
    size_t fresh, given; /* in all: taken from the kernel; released by the rule */
    size_t highest;      /* of inuse + idle */
    uint64_t now;
} program_t;

static program_t program_of(int64_t percent)
{
    return (program_t){.rule = {.percent = percent}, .limit = SIZE_MAX, .now = 1};
}

static void take(program_t *p, size_t bytes)
{
    size_t reused = bytes < p->idle ? bytes : p->idle, fresh = bytes - reused;
    p->idle -= reused;
    p->inuse += bytes;
    if (p->inuse + p->idle > p->limit)
        p->idle = p->inuse < p->limit ? p->limit - p->inuse : 0;
    p->fresh += fresh;
    release_note_inuse(&p->rule, p->inuse);
    release_fade(&p->rule, p->inuse, p->now);
    release_note_fresh(&p->rule, fresh);
    if (p->inuse + p->idle > p->highest)
        p->highest = p->inuse + p->idle;
}

static void give(program_t *p, size_t bytes)
{
    p->inuse -= bytes;
    p->idle += bytes;
    release_fade(&p->rule, p->inuse, p->now);
    size_t excess = release_excess(&p->rule, (release_sizes_t){p->inuse, 0, p->idle});
    p->idle -= excess;
    p->given += excess;
    if (excess)
        release_note_given(&p->rule, excess);
}

/* Blocks that no idle memory is large enough for. */
static void take_elsewhere(program_t *p, size_t bytes)
{
    size_t idle = p->idle;
    p->idle = 0;
    take(p, bytes);
    p->idle = idle;
    size_t excess = release_at_peak(&p->rule, (release_sizes_t){p->inuse, 0, p->idle});
    p->idle -= excess;
    p->given += excess;
    release_note_given(&p->rule, excess);
    if (p->inuse + p->idle > p->highest)
        p->highest = p->inuse + p->idle;
}

/* In steps, evenly over the time. */
static void go_to(program_t *p, size_t inuse, uint64_t time)
{
    enum { STEPS = 64 };
    size_t distance = inuse > p->inuse ? inuse - p->inuse : p->inuse - inuse;
    bool rises = inuse > p->inuse;
    for (size_t i = 0; i < STEPS; i++) {
        size_t step = distance * (i + 1) / STEPS - distance * i / STEPS;
        p->now += time / STEPS;
        (rises ? take : give)(p, step);
    }
}

static size_t plain_total(const program_t *p)
{
    size_t plain = release_plain_bound(&p->rule, p->inuse, 0);
    return p->inuse + plain + RELEASE_STEP;
}

/* Bytes that may be faulted in again in this time, at the rate that the rule allows. */
static size_t allowed_in(uint64_t time)
{
    return (size_t)(time / RELEASE_FADE_NS);
}

Test(release, a_burst_is_given_back_at_once)
{
    program_t p = program_of(100);
    go_to(&p, MIB(1024), SECOND);
    go_to(&p, MIB(50), SECOND / 10);
    cr_expect_leq(p.inuse + p.idle, MIB(107));
    cr_expect_eq(p.rule.learnt, 0);
}

Test(release, so_is_one_after_slow_growth)
{
    program_t p = program_of(100);
    for (size_t size = MIB(10); size <= MIB(1000); size += MIB(10)) {
        go_to(&p, size, SECOND);
        go_to(&p, size - MIB(2), SECOND);
    }
    cr_expect_leq(p.fresh, MIB(1010), "nothing was given back on the way");
    go_to(&p, MIB(50), SECOND / 10);
    cr_expect_leq(p.inuse + p.idle, MIB(107));
}

/* Go up to `high` and down to `low`, again and again. Returns the fresh bytes beyond the first growth. */
static size_t breathe(program_t *p, size_t low, size_t high, uint64_t period, int breaths)
{
    go_to(p, high, period / 2);
    size_t first = p->fresh;
    for (int i = 0; i < breaths; i++) {
        go_to(p, low, period / 2);
        go_to(p, high, period / 2);
    }
    return p->fresh - first;
}

Test(release, a_program_that_breathes_pays_once)
{
    static const struct {
        size_t low, high;
        uint64_t period;
    } cases[] = {
        {MIB(20), MIB(100), 10 * MILLISECOND}, {MIB(20), MIB(100), SECOND / 2}, {MIB(1), MIB(1000), SECOND},
        {MIB(1), MIB(64), SECOND / 4},         {MIB(50), MIB(400), SECOND * 3}, {0, MIB(40), SECOND},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        program_t p = program_of(100);
        size_t paid = breathe(&p, cases[i].low, cases[i].high, cases[i].period, 50);
        size_t once = cases[i].high - cases[i].low;
        cr_expect_leq(paid, once + 2 * allowed_in(50 * cases[i].period), "case %zu: %zu MiB", i, paid >> 20);
        cr_expect_leq(p.highest, 2 * cases[i].high + MIB(32), "case %zu", i);
    }
}

/* 1 GiB once a minute is less than the rate: each time all of it goes back. */
Test(release, bursts_that_come_seldom_are_not_held)
{
    program_t p = program_of(100);
    for (int i = 0; i < 20; i++) {
        go_to(&p, MIB(1024), SECOND);
        go_to(&p, MIB(50), SECOND);
        cr_assert_leq(p.inuse + p.idle, plain_total(&p) + MIB(64), "burst %d", i);
        go_to(&p, MIB(51), 35 * SECOND);
        go_to(&p, MIB(50), 35 * SECOND);
    }
}

Test(release, what_is_learnt_is_let_go_when_the_program_goes_on_quietly)
{
    program_t p = program_of(100);
    breathe(&p, MIB(1), MIB(600), SECOND / 2, 10);
    go_to(&p, MIB(10), SECOND / 4);
    cr_expect_gt(p.inuse + p.idle, MIB(300), "held, as it came back ten times");
    uint64_t until = p.now + MIB(600) * RELEASE_FADE_NS;
    while (p.now < until) {
        go_to(&p, MIB(11), SECOND / 20);
        go_to(&p, MIB(10), SECOND / 20);
    }
    cr_expect_leq(p.inuse + p.idle, plain_total(&p));
}

Test(release, a_saw_tooth_that_ends_in_a_fall)
{
    program_t p = program_of(100);
    for (int i = 0; i < 30; i++) {
        go_to(&p, MIB(300), SECOND / 5);
        go_to(&p, MIB(100), MILLISECOND);
    }
    cr_expect_leq(p.fresh, MIB(300) + MIB(200) + 2 * allowed_in(6 * SECOND));
    go_to(&p, 0, MILLISECOND);
    cr_expect_leq(p.idle, MIB(600), "no more than the peak and GOGC percent of it");
}

Test(release, blocks_that_double_leave_less_behind_at_the_peak)
{
    program_t p = program_of(100);
    for (size_t size = MIB(1); size <= MIB(128); size *= 2) {
        for (int i = 0; i < 4; i++)
            take_elsewhere(&p, size);
        for (int i = 0; i < 4; i++)
            give(&p, size);
    }
    cr_expect_leq(p.highest, MIB(512) / 3 * 4, "%zu MiB; by the plain rule 768", p.highest >> 20);
}

/* Temporaries that double: of each size some come and go, which is learnt, and the next size fits into none
 * of it. */
Test(release, temporaries_that_double_leave_less_behind_at_the_peak)
{
    program_t p = program_of(100);
    size_t most = 0;
    for (size_t size = MIB(1); size <= MIB(64); size *= 2) {
        for (int i = 0; i < 5; i++)
            take_elsewhere(&p, size);
        most = p.inuse;
        for (int turn = 0; turn < 3; turn++) {
            give(&p, 3 * size);
            take(&p, 3 * size);
        }
        give(&p, p.inuse - 2 * size);
    }
    cr_expect_leq(p.highest, most + most / 8, "%zu MiB, %zu in use", p.highest >> 20, most >> 20);
}

/* Blocks of 64 KiB to 16 MiB replaced: the sum wanders. */
Test(release, churn)
{
    enum { LIVE = 20, COUNT_OF = 8000 };
    size_t blocks[LIVE] = {0};
    uint64_t random = 42;
    program_t p = program_of(100);
    for (int i = 0; i < COUNT_OF; i++) {
        size_t at = random_below(&random, LIVE), old = blocks[at];
        p.now += 100000;
        blocks[at] = (size_t)65536 << random_below(&random, 9);
        if (old)
            give(&p, old);
        take(&p, blocks[at]);
    }
    cr_expect_leq(p.fresh, p.rule.peak * 2 + 2 * allowed_in(p.now), "%zu MiB, at most %zu live",
                  p.fresh >> 20, p.rule.peak >> 20);
}

Test(release, idle_and_steady_programs_pay_nothing)
{
    program_t p = program_of(100);
    go_to(&p, MIB(100), SECOND);
    for (int i = 0; i < 1000; i++) {
        go_to(&p, MIB(70), MILLISECOND);
        go_to(&p, MIB(100), MILLISECOND);
    }
    cr_expect_eq(p.given, 0);
    cr_expect_leq(p.fresh, MIB(100));
}

Test(release, a_small_percentage_learns_that_much_less)
{
    program_t p = program_of(10);
    breathe(&p, MIB(50), MIB(400), SECOND / 2, 20);
    go_to(&p, MIB(50), SECOND / 4);
    cr_expect_leq(p.inuse + p.idle, MIB(110), "%zu", (p.inuse + p.idle) >> 20);
    program_t none = program_of(0);
    breathe(&none, MIB(50), MIB(400), SECOND / 2, 20);
    go_to(&none, MIB(50), SECOND / 4);
    cr_expect_leq(none.idle, RELEASE_STEP);
}

Test(release, a_limit_is_kept_whatever_was_learnt)
{
    program_t p = program_of(100);
    p.limit = MIB(256);
    breathe(&p, MIB(100), MIB(250), SECOND / 10, 100);
    cr_expect_leq(p.highest, p.limit);
}
