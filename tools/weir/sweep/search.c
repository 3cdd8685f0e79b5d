/* search: see search.h. Setting 0 is the default: the reference. */
#include "tools/weir/sweep/search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/statistics.h"

enum {
    DEFAULT_PERCENT = 100,
    LEAST_PERCENT = 1,
    MOST_PERCENT = 1600, /* beyond it a growth rule is as good as off */
    MOST_STEPS = 5,
    LIMITS_TRIED = 4,
};
static const double CLOSE_ENOUGH = 1.25; /* the ends of an interval of percentages */
static const double ALIKE = 0.02;        /* less than this is no difference */
static const uint64_t MIB = 1 << 20;

/* --- what is known of a setting --- */

static bool is_by_time(const search_t *search)
{
    return search->max_peak == 0;
}

double search_ratio(const search_t *search, size_t setting)
{
    const series_t *series = &search->study->series[setting], *reference = &search->study->series[0];
    double *ratios = memory_new(series->count, sizeof *ratios), median = 1;
    size_t count = 0;
    /* The reference was run in each round of this setting, too: its runs of these rounds begin at
     * series->first. */
    for (size_t i = 0; i < series->count && series->first + i < reference->count; i++) {
        const run_t *run = &series->runs[i], *other = &reference->runs[series->first + i];
        double time = search->study->time == FIGURE_CPU ? run->cpu : run->wall;
        double reference_time = search->study->time == FIGURE_CPU ? other->cpu : other->wall;
        if (run_is_good(run) && run_is_good(other) && reference_time > 0)
            ratios[count++] = time / reference_time;
    }
    statistics_sort(ratios, count);
    if (count > 0)
        median = statistics_median(ratios, count);
    free(ratios);
    return median;
}

bool search_keeps(const search_t *search, size_t setting)
{
    const series_t *series = &search->study->series[setting];
    if (series->good == 0 || series->good < series->count)
        return false;
    return is_by_time(search) ? setting == 0 || search_ratio(search, setting) <= 1 + search->max_slowdown
                              : series->figures[FIGURE_PEAK].high <= (double)search->max_peak;
}

/* --- trying one --- */

static bool run_rounds(search_t *search, const bool *chosen)
{
    for (unsigned round = 0; round < search->study->repeat && !search->stopped; round++)
        search->stopped = !study_round(search->study, chosen);
    study_summarise(search->study);
    return !search->stopped;
}

/* Run a setting, unless it was run before; its index. */
static size_t try(search_t *search, const char *gogc, const char *memlimit)
{
    study_t *study = search->study;
    size_t setting = study->settings.count;
    settings_add(&study->settings, gogc, memlimit);
    for (size_t i = 0; i < setting; i++)
        if (strcmp(study->settings.all[i].name, study->settings.all[setting].name) == 0) {
            study->settings.count--;
            return i;
        }
    study_grow(study, setting);
    study->series[setting].first = study->series[0].count;
    bool *chosen = memory_new(setting + 1, sizeof *chosen);
    chosen[setting] = true;
    chosen[0] |= is_by_time(search);
    run_rounds(search, chosen);
    free(chosen);
    return setting;
}

static size_t try_percent(search_t *search, unsigned percent)
{
    char text[16];
    snprintf(text, sizeof text, "%u", percent);
    return try(search, text, NULL);
}

/* --- the two searches --- */

/* Narrow the interval between a percentage that keeps the bound and one that does not. */
static void halve(search_t *search, double keeps, double fails)
{
    for (int step = 0; step < MOST_STEPS && !search->stopped; step++) {
        double ratio = keeps > fails ? keeps / fails : fails / keeps, middle = round(sqrt(keeps * fails));
        if (ratio < CLOSE_ENOUGH || middle == keeps || middle == fails)
            return;
        if (search_keeps(search, try_percent(search, (unsigned)middle)))
            keeps = middle;
        else
            fails = middle;
    }
}

/* Limits with the growth rule off: the memory that the runtime does not account for comes on top of each. */
static void try_limits(search_t *search)
{
    uint64_t limit = search->max_peak - search->max_peak / 20;
    for (int i = 0; i < LIMITS_TRIED && limit >= MIB && !search->stopped; i++) {
        char text[32];
        snprintf(text, sizeof text, "%juMiB", (uintmax_t)(limit / MIB));
        size_t setting = try(search, "off", text);
        double peak = search->study->series[setting].figures[FIGURE_PEAK].high;
        if (search_keeps(search, setting) || peak == 0)
            return;
        uint64_t over = (uint64_t)peak - search->max_peak + search->max_peak / 50;
        limit = over < limit ? limit - over : 0;
    }
}

static void search_under_peak(search_t *search)
{
    if (search_keeps(search, try(search, "off", NULL)) || search->stopped)
        return;
    if (search_keeps(search, 0))
        halve(search, DEFAULT_PERCENT, MOST_PERCENT);
    else if (search_keeps(search, try_percent(search, LEAST_PERCENT)))
        halve(search, LEAST_PERCENT, DEFAULT_PERCENT);
    if (!search->stopped)
        try_limits(search);
}

static void search_under_slowdown(search_t *search)
{
    if (!search_keeps(search, try_percent(search, LEAST_PERCENT)))
        halve(search, DEFAULT_PERCENT, LEAST_PERCENT);
}

/* --- choosing --- */

/* Under a bound on memory, the settings that keep it are run again, interleaved, so that their times can be
 * compared. */
static void run_finalists(search_t *search)
{
    size_t count = search->study->settings.count, finalists = 0;
    bool *chosen = memory_new(count, sizeof *chosen);
    for (size_t i = 0; i < count; i++)
        finalists += chosen[i] = search_keeps(search, i);
    if (finalists > 1)
        run_rounds(search, chosen);
    free(chosen);
}

/* The best in the first figure; of those that are alike in it, the best in the second. */
static int choose(const search_t *search, enum figure first, enum figure second)
{
    const study_t *study = search->study;
    int best = SEARCH_NONE, chosen = SEARCH_NONE;
    for (size_t i = 0; i < study->settings.count; i++)
        if (search_keeps(search, i) && (best == SEARCH_NONE || study->series[i].figures[first].median <
                                                                   study->series[best].figures[first].median))
            best = (int)i;
    if (best == SEARCH_NONE)
        return SEARCH_NONE;
    const sweep_summary_t *least = &study->series[best].figures[first];
    double tolerance = summary_spread(least) > ALIKE ? summary_spread(least) : ALIKE;
    for (size_t i = 0; i < study->settings.count; i++)
        if (search_keeps(search, i) &&
            study->series[i].figures[first].median <= least->median * (1 + tolerance) &&
            (chosen == SEARCH_NONE ||
             study->series[i].figures[second].median < study->series[chosen].figures[second].median))
            chosen = (int)i;
    return chosen;
}

int search_run(search_t *search)
{
    study_t *study = search->study;
    try_percent(search, DEFAULT_PERCENT);
    if (search->stopped || study->series[0].good < study->series[0].count)
        return SEARCH_NONE;
    if (is_by_time(search)) {
        search_under_slowdown(search);
        return choose(search, study->memory, study->time);
    }
    search_under_peak(search);
    if (!search->stopped)
        run_finalists(search);
    return choose(search, study->time, study->memory);
}
