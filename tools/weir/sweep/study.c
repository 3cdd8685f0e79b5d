/* study: see study.h. */
#include "tools/weir/sweep/study.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/statistics.h"

/* Less than this, as a part of the value, is no difference, however few runs there are. */
static const double NOTHING = 0.02;

/* --- progress --- */

/* What is on the line while a run is under way. */
struct progress {
    const study_t *study;
    const bool *chosen;
    size_t setting, first; /* which runs, and which was the first of this round */
    unsigned rounds_left;  /* after this one */
};

static double mean_wall(const study_t *study, size_t setting)
{
    double sum = 0, of_all = 0;
    size_t count = 0;
    for (size_t i = 0; i < study->settings.count; i++)
        for (size_t run = 0; run < study->series[i].count; run++) {
            of_all += study->series[i].runs[run].wall;
            sum += i == setting ? study->series[i].runs[run].wall : 0;
            count++;
        }
    const series_t *series = &study->series[setting];
    return series->count > 0 ? sum / (double)series->count : count > 0 ? of_all / (double)count : 0;
}

static bool is_chosen(const bool *chosen, size_t setting)
{
    return chosen == NULL || chosen[setting];
}

/* Seconds, from the runs so far: each setting's own, where it has run. */
static double time_left(const struct progress *progress)
{
    const study_t *study = progress->study;
    size_t count = study->settings.count, done = (progress->setting + count - progress->first) % count;
    double left = 0;
    for (size_t i = 0; i < count; i++) {
        size_t setting = (progress->first + i) % count;
        if (is_chosen(progress->chosen, setting))
            left += mean_wall(study, setting) * (progress->rounds_left + (i >= done));
    }
    return left;
}

static void show(const struct progress *progress, double elapsed)
{
    const study_t *study = progress->study;
    size_t done = 0, all = 0;
    for (size_t i = 0; i < study->settings.count; i++)
        if (is_chosen(progress->chosen, i)) {
            done += study->series[i].count;
            all += study->series[i].count + progress->rounds_left;
        }
    size_t place = (progress->setting + study->settings.count - progress->first) % study->settings.count;
    for (size_t i = place; i < study->settings.count; i++)
        all += is_chosen(progress->chosen, (progress->first + i) % study->settings.count);
    double left = time_left(progress) - elapsed;
    unsigned seconds = left > 0 ? (unsigned)(left + 0.5) : 0;
    fprintf(stderr, "\r\033[Krun %zu of %zu: %s", done + 1, all, study->settings.all[progress->setting].name);
    if (left > 0)
        fprintf(stderr, "  (%u:%02u left)", seconds / 60, seconds % 60);
}

static void on_tick(void *context, double elapsed)
{
    show(context, elapsed);
}

/* --- running --- */

static bool run_one(study_t *study, struct progress *progress)
{
    bool terminal = isatty(STDERR_FILENO);
    series_t *series = &study->series[progress->setting];
    run_t run;
    study->measure.tick = terminal ? on_tick : NULL;
    study->measure.context = progress;
    if (terminal)
        show(progress, 0);
    bool ran = measure_run(&study->measure, &study->settings.all[progress->setting], &run);
    if (terminal)
        fputs("\r\033[K", stderr);
    if (!ran || measure_interrupted() != 0)
        return false;
    series->runs = memory_grow(series->runs, series->count, sizeof *series->runs);
    series->runs[series->count++] = run;
    return true;
}

static bool run_round(study_t *study, const bool *chosen, size_t first, unsigned rounds_left)
{
    for (size_t i = 0; i < study->settings.count; i++) {
        size_t setting = (first + i) % study->settings.count;
        if (is_chosen(chosen, setting) &&
            !run_one(study, &(struct progress){study, chosen, setting, first, rounds_left}))
            return false;
    }
    return true;
}

void study_grow(study_t *study, size_t settings_before)
{
    size_t count = study->settings.count;
    study->series = memory_checked(reallocarray(study->series, count, sizeof *study->series));
    study->points = memory_checked(reallocarray(study->points, count, sizeof *study->points));
    memset(study->series + settings_before, 0, (count - settings_before) * sizeof *study->series);
    memset(study->points + settings_before, 0, (count - settings_before) * sizeof *study->points);
}

bool study_round(study_t *study, const bool *chosen)
{
    return run_round(study, chosen, 0, 0);
}

/* A program that fails under all settings need not be run again. */
static bool any_is_good(const study_t *study)
{
    for (size_t i = 0; i < study->settings.count; i++)
        for (size_t run = 0; run < study->series[i].count; run++)
            if (run_is_good(&study->series[i].runs[run]))
                return true;
    return false;
}

bool study_run(study_t *study)
{
    bool complete = true;
    study_grow(study, 0);
    for (unsigned round = 0; round < study->repeat && complete && (round == 0 || any_is_good(study)); round++)
        complete = run_round(study, NULL, round % study->settings.count, study->repeat - round - 1);
    study_summarise(study);
    return complete;
}

/* --- summing up --- */

static double figure_of(const run_t *run, enum figure figure)
{
    switch (figure) {
    case FIGURE_WALL:
        return run->wall;
    case FIGURE_CPU:
        return run->cpu;
    case FIGURE_PEAK:
        return (double)run->peak;
    case FIGURE_AVERAGE:
        return (double)run->average;
    case FIGURE_CYCLES:
        return (double)run->cycles;
    case FIGURE_STOP:
        return (double)run->stop_ns;
    default:
        return (double)run->released;
    }
}

static void summarise(series_t *series, enum figure figure)
{
    double *values = memory_new(series->count, sizeof *values);
    series->good = series->accounts = 0;
    for (size_t i = 0; i < series->count; i++)
        if (run_is_good(&series->runs[i])) {
            values[series->good++] = figure_of(&series->runs[i], figure);
            series->accounts += series->runs[i].accounts > 0;
        }
    statistics_sort(values, series->good);
    if (series->good > 0)
        series->figures[figure] = (sweep_summary_t){.median = statistics_median(values, series->good),
                                                    .low = values[0],
                                                    .high = values[series->good - 1]};
    free(values);
}

void study_summarise(study_t *study)
{
    for (size_t i = 0; i < study->settings.count; i++) {
        series_t *series = &study->series[i];
        for (enum figure figure = 0; figure < FIGURES; figure++)
            summarise(series, figure);
        study->points[i] = (point_t){.time = series->figures[study->time].median,
                                     .memory = series->figures[study->memory].median,
                                     .counts = series->good > 0 && study->settings.all[i].library == NULL};
    }
    front_find(study->points, study->settings.count);
    bool flat = study_makes_no_difference(study, study->memory);
    study->knee = flat ? FRONT_NONE : front_knee(study->points, study->settings.count);
}

double summary_spread(const sweep_summary_t *summary)
{
    return summary->median > 0 ? (summary->high - summary->low) / 2 / summary->median : 0;
}

bool study_makes_no_difference(const study_t *study, enum figure figure)
{
    double low = 0, high = 0, spread = NOTHING;
    bool any = false;
    for (size_t i = 0; i < study->settings.count; i++) {
        const sweep_summary_t *summary = &study->series[i].figures[figure];
        if (!study->points[i].counts)
            continue;
        low = !any || summary->median < low ? summary->median : low;
        high = !any || summary->median > high ? summary->median : high;
        spread = 2 * summary_spread(summary) > spread ? 2 * summary_spread(summary) : spread;
        any = true;
    }
    return high - low <= spread * low;
}

size_t study_failed(const study_t *study)
{
    size_t failed = 0;
    for (size_t i = 0; i < study->settings.count; i++)
        failed += study->series[i].count - study->series[i].good;
    return failed;
}
