/* weir sweep: the front, the knee, the combinations of settings, and what counts in a summary. */
#include <criterion/criterion.h>
#include <string.h>

#include "tools/weir/command.h"
#include "tools/weir/sweep/front.h"
#include "tools/weir/sweep/print.h"
#include "tools/weir/sweep/setting.h"
#include "tools/weir/sweep/study.h"

/* Stub: the command prints this message; the tests do not read it. */
int command_bad_usage(const struct command *command, const char *format, ...)
{
    (void)command, (void)format;
    return EXIT_USAGE;
}

static const struct command nobody = {.name = "test"};

Test(sweep, the_front_is_what_no_point_beats)
{
    point_t points[] = {{1, 9, true, false}, {2, 4, true, false}, {2, 5, true, false}, {3, 4, true, false},
                        {4, 1, true, false}, {0, 0, false, true}, {2, 4, true, false}};
    cr_expect_eq(front_find(points, 7), 3);
    const bool expected[] = {true, true, false, false, true, false, false};
    for (size_t i = 0; i < 7; i++)
        cr_expect_eq(points[i].on_front, expected[i], "point %zu", i);
}

Test(sweep, the_front_agrees_with_its_definition)
{
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        point_t points[8];
        for (size_t i = 0; i < 8; i++) {
            seed = seed * 1664525 + 1013904223;
            points[i] =
                (point_t){.time = seed >> 29, .memory = (seed >> 20) & 7, .counts = (seed >> 10 & 7) != 0};
        }
        front_find(points, 8);
        for (size_t i = 0; i < 8; i++) {
            bool beaten = !points[i].counts, covered = false;
            for (size_t other = 0; other < 8; other++) {
                const point_t *a = &points[other], *b = &points[i];
                if (!a->counts)
                    continue;
                beaten |= a->time <= b->time && a->memory <= b->memory &&
                          (a->time < b->time || a->memory < b->memory);
                covered |= a->on_front && a->time <= b->time && a->memory <= b->memory;
            }
            cr_assert(!points[i].on_front || !beaten);
            cr_assert(!points[i].counts || covered, "every point has one of the front at least as good");
        }
    }
}

static int knee_of(point_t *points, size_t count)
{
    front_find(points, count);
    return front_knee(points, count);
}

Test(sweep, the_knee_is_furthest_below_the_line)
{
    point_t bent[] = {
        {1, 100, true, false}, {1.1, 30, true, false}, {2, 20, true, false}, {5, 15, true, false}};
    cr_expect_eq(knee_of(bent, 4), 1);
    point_t bulging[] = {{1, 100, true, false}, {4, 90, true, false}, {5, 10, true, false}};
    cr_expect_eq(knee_of(bulging, 3), FRONT_NONE, "a front that bulges the other way has none");
    point_t two[] = {{1, 100, true, false}, {4, 90, true, false}};
    cr_expect_eq(knee_of(two, 2), FRONT_NONE);
    point_t one[] = {{1, 1, true, false}, {4, 90, true, false}};
    cr_expect_eq(knee_of(one, 2), FRONT_NONE);
    cr_expect_eq(knee_of(NULL, 0), FRONT_NONE);
}

Test(sweep, settings_are_all_combinations)
{
    settings_t settings = {0};
    cr_assert(settings_add_knobs(&settings, &nobody, "25,off", "64MiB,90%"));
    static const char *const names[] = {"gogc=25 memlimit=64MiB", "gogc=off memlimit=64MiB",
                                        "gogc=25 memlimit=90%", "gogc=off memlimit=90%"};
    cr_assert_eq(settings.count, 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(settings.all[i].name, names[i]);
    cr_assert(settings_add_knobs(&settings, &nobody, NULL, "1GiB"));
    cr_expect_str_eq(settings.all[4].name, "memlimit=1GiB");
    cr_expect_null(settings.all[4].gogc);
    char options[64];
    setting_options(&settings.all[1], options, sizeof options);
    cr_expect_str_eq(options, " --gogc off --memlimit 64MiB");
}

Test(sweep, values_that_the_runtime_would_not_take_are_refused)
{
    static const char *const bad[] = {"x", "25,", ",25", "25,,50", "-1", "25 50"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        settings_t settings = {0};
        cr_expect_not(settings_add_knobs(&settings, &nobody, bad[i], NULL), "%s", bad[i]);
        cr_expect_eq(settings.count, 0);
    }
    settings_t settings = {0};
    cr_expect_not(settings_add_knobs(&settings, &nobody, "25", "64MB"));
    cr_expect_not(settings_add_baselines(&settings, &nobody, "nosuchmalloc"));
    cr_expect_not(settings_add_baselines(&settings, &nobody, "glibc,/no/such/library.so"));
    cr_expect_not(settings_add_baselines(&settings, &nobody, ""));
}

/* Walls in hundredths of a second; 0: a run that failed. */
static void fill(study_t *study, size_t setting, const int *walls, const int *memories, size_t count)
{
    series_t *series = &study->series[setting];
    series->runs = calloc(count, sizeof *series->runs);
    series->count = count;
    for (size_t i = 0; i < count; i++)
        series->runs[i] = (run_t){.status = walls[i] == 0 ? 256 : 0,
                                  .wall = walls[i] / 100.0,
                                  .average = (uint64_t)memories[i] << 20};
}

static void make(study_t *study)
{
    study->time = FIGURE_WALL;
    study->memory = FIGURE_AVERAGE;
    study->measure.command = &nobody;
    cr_assert(settings_add_knobs(&study->settings, &nobody, "25,50,off", NULL));
    study_grow(study, 0);
}

Test(sweep, a_failed_run_counts_in_nothing)
{
    study_t study = {0};
    make(&study);
    fill(&study, 0, (int[]){300, 0, 310, 305}, (int[]){10, 1, 10, 10}, 4);
    fill(&study, 1, (int[]){0, 0, 0, 0}, (int[]){1, 1, 1, 1}, 4);
    fill(&study, 2, (int[]){200, 210, 205, 0}, (int[]){50, 50, 50, 1}, 4);
    study_summarise(&study);
    cr_expect_eq(study.series[0].good, 3);
    cr_expect_float_eq(study.series[0].figures[FIGURE_WALL].median, 3.05, 1e-9);
    cr_expect_float_eq(study.series[0].figures[FIGURE_WALL].low, 3.00, 1e-9);
    cr_expect_float_eq(summary_spread(&study.series[0].figures[FIGURE_WALL]), 0.05 / 3.05, 1e-9);
    cr_expect_eq(study.series[1].good, 0);
    cr_expect_not(study.points[1].on_front);
    cr_expect(study.points[0].on_front && study.points[2].on_front);
    cr_expect_eq(study_failed(&study), 6);
    cr_expect_not(study_makes_no_difference(&study, FIGURE_AVERAGE));
}

Test(sweep, no_difference_is_one_within_the_runs)
{
    study_t study = {0};
    make(&study);
    fill(&study, 0, (int[]){300, 330, 315}, (int[]){100, 100, 100}, 3);
    fill(&study, 1, (int[]){310, 312, 311}, (int[]){101, 101, 101}, 3);
    fill(&study, 2, (int[]){290, 320, 300}, (int[]){100, 101, 100}, 3);
    study_summarise(&study);
    cr_expect(study_makes_no_difference(&study, FIGURE_WALL));
    cr_expect(study_makes_no_difference(&study, FIGURE_AVERAGE));
    cr_expect_eq(study.knee, FRONT_NONE, "what makes no difference has no knee");
}

Test(sweep, values_are_written_with_three_digits)
{
    static const struct {
        enum figure figure;
        double value;
        const char *text;
    } cases[] = {{FIGURE_WALL, 1.234, "1.23 s"},
                 {FIGURE_WALL, 0.0123, "12.3 ms"},
                 {FIGURE_CPU, 0.9999999, "1.00 s"},
                 {FIGURE_WALL, 123.4, "123 s"},
                 {FIGURE_STOP, 1234567, "1.23 ms"},
                 {FIGURE_STOP, 0, "-"},
                 {FIGURE_STOP, 9997000, "10.0 ms"},
                 {FIGURE_WALL, 0.9996, "1.00 s"},
                 {FIGURE_PEAK, 1023, "1023 B"},
                 {FIGURE_PEAK, 1024 * 1024 - 1, "1.0 MiB"},
                 {FIGURE_RELEASED, 3.5 * (1 << 30), "3.5 GiB"},
                 {FIGURE_CYCLES, 12, "12"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        print_value(text, sizeof text, cases[i].figure, cases[i].value);
        cr_expect_str_eq(text, cases[i].text);
    }
}
