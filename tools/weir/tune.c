/* weir tune: the setting that keeps a bound on memory or on time, found by running the program. The parts are
 * in tools/weir/sweep.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/arguments.h"
#include "tools/weir/command.h"
#include "tools/weir/sweep/options.h"
#include "tools/weir/sweep/print.h"
#include "tools/weir/sweep/search.h"

struct tune_choice {
    search_t search;
    bool json;
    const char *bound; /* as it was given */
};

static enum options_taken refuse(const char *flag, const char *value, const char *expected)
{
    command_bad_usage(&command_tune, "%s \"%s\": expected %s", flag, value, expected);
    return OPTIONS_REFUSED;
}

/* In the grammar of the limits. */
static enum options_taken take_peak(struct tune_choice *choice, const char *value)
{
    struct options scratch = options;
    struct options_problem problem = {.row = &options_table[OPTIONS_memlimit]};
    if (*value == '\0' || !options_parse(&scratch, "WEIR_MEMLIMIT", value, &problem) ||
        scratch.memlimit <= 0 || scratch.memlimit == OPTIONS_NO_LIMIT)
        return refuse("--max-rss", value, "a size, such as 300MiB");
    choice->search.max_peak = (uint64_t)scratch.memlimit;
    return OPTIONS_TAKEN;
}

static enum options_taken take_slowdown(struct tune_choice *choice, const char *value)
{
    char *end;
    double percent = strtod(value, &end);
    if (*value < '0' || *value > '9' || (strcmp(end, "%") != 0 && *end != '\0') || percent > 1e6)
        return refuse("--max-slowdown", value, "a percentage, such as 5%");
    choice->search.max_slowdown = percent / 100;
    return OPTIONS_TAKEN;
}

static enum options_taken take_tune_option(void *context, char **arguments, int *at)
{
    struct tune_choice *choice = context;
    if (strcmp(arguments[*at], "--json") == 0) {
        choice->json = true;
        return OPTIONS_TAKEN;
    }
    const char *peak = arguments_value("--max-rss", arguments, at);
    const char *slowdown = peak == NULL ? arguments_value("--max-slowdown", arguments, at) : NULL;
    if (peak == NULL && slowdown == NULL)
        return OPTIONS_NOT_MINE;
    if (choice->bound != NULL) {
        command_bad_usage(&command_tune, "expected one bound, --max-rss or --max-slowdown");
        return OPTIONS_REFUSED;
    }
    choice->bound = peak != NULL ? peak : slowdown;
    return peak != NULL ? take_peak(choice, peak) : take_slowdown(choice, slowdown);
}

/* "weir run --gogc 50 --" */
static void write_line(const study_t *study, int found, char *line, size_t size)
{
    char knobs[128];
    setting_options(&study->settings.all[found], knobs, sizeof knobs);
    snprintf(line, size, "weir run%s%s --", study->measure.collect ? " --collect" : "", knobs);
}

static void print_bound(const struct tune_choice *choice, FILE *to)
{
    if (choice->search.max_peak > 0)
        fprintf(to, "peak of every run at most %s, and as fast as can be:\n", choice->bound);
    else
        fprintf(to, "at most %.3g %% slower than gogc=100, and as small as can be:\n",
                100 * choice->search.max_slowdown);
}

/* Compare the setting that was found with the default. */
static void print_evidence(const struct tune_choice *choice, int found)
{
    const study_t *study = choice->search.study;
    const series_t *series = &study->series[found], *reference = &study->series[0];
    char values[4][64];
    print_value(values[0], sizeof values[0], FIGURE_PEAK, series->figures[FIGURE_PEAK].high);
    print_value(values[1], sizeof values[1], study->memory, series->figures[study->memory].median);
    print_value(values[2], sizeof values[2], study->memory, reference->figures[study->memory].median);
    double ratio = choice->search.max_peak > 0
                       ? series->figures[study->time].median / reference->figures[study->time].median
                       : search_ratio(&choice->search, (size_t)found);
    printf("found: %s: peak at most %s, %s %s (%s with gogc=100), %.2f times its %s, in %zu runs\n",
           study->settings.all[found].name, values[0], print_name(study->memory), values[1], values[2], ratio,
           print_name(study->time), series->good);
}

static void print_nothing(const study_t *study)
{
    size_t least = 0;
    char value[64];
    if (study->series[0].good < study->series[0].count) {
        printf("the program fails with gogc=100: nothing can be found\n");
        print_findings(study, stdout);
        return;
    }
    for (size_t i = 1; i < study->settings.count; i++)
        if (study->series[i].good > 0 &&
            study->series[i].figures[FIGURE_PEAK].high < study->series[least].figures[FIGURE_PEAK].high)
            least = i;
    print_value(value, sizeof value, FIGURE_PEAK, study->series[least].figures[FIGURE_PEAK].high);
    printf("no setting keeps it; the lowest peak was %s, with %s\n", value, study->settings.all[least].name);
}

static void report_tune(const struct tune_choice *choice, int found)
{
    const study_t *study = choice->search.study;
    char line[256] = "", extra[320] = ", \"found\": null";
    if (found != SEARCH_NONE) {
        write_line(study, found, line, sizeof line);
        snprintf(extra, sizeof extra, ", \"found\": %d, \"line\": \"%s\"", found, line);
    }
    if (choice->json) {
        print_json(study, extra, stdout);
        return;
    }
    print_bound(choice, stdout);
    print_table(study, stdout);
    if (found == SEARCH_NONE) {
        print_nothing(study);
        return;
    }
    print_evidence(choice, found);
    printf("put this in front of the program:\n\n    %s\n\n", line);
}

static int run_tune(int count, char **arguments)
{
    study_t study = {
        .measure = {.command = &command_tune}, .repeat = 3, .time = FIGURE_WALL, .memory = FIGURE_AVERAGE};
    struct tune_choice choice = {.search = {.study = &study}};
    int status = options_take_all(&study, count, arguments, take_tune_option, &choice);
    if (status != 0)
        return status;
    if (choice.bound == NULL)
        return command_bad_usage(&command_tune, "expected --max-rss SIZE or --max-slowdown PERCENT");
    measure_prepare();
    int found = search_run(&choice.search);
    if (measure_interrupted() != 0)
        return 128 + measure_interrupted();
    if (choice.search.stopped)
        return EXIT_OWN_FAILURE;
    report_tune(&choice, found);
    return fflush(stdout) == 0 && found != SEARCH_NONE ? 0 : 1;
}

const struct command command_tune = {
    .name = "tune",
    .usage = "--max-rss SIZE | --max-slowdown PERCENT [OPTION]... [--] PROGRAM [ARGUMENT]...",
    .summary = "Find the knobs that keep a bound on a program's memory or time",
    .details =
        "  --max-rss SIZE         find the fastest setting whose peak in every run is at most this\n"
        "  --max-slowdown P       of the settings at most P percent slower than --gogc 100, find the one with the least memory\n"
        "  --collect              the program's memory is collected (WEIR_COLLECT=1)\n"
        "  --repeat N             runs of each setting (3)\n"
        "  --time wall|cpu        which time (wall)\n"
        "  --memory average|peak  which memory --max-slowdown minimises (average)\n"
        "  --json                 print all runs as one JSON object instead of the table\n"
        "  --stdout               let the program write to stdout; otherwise it goes to /dev/null\n"
        "\n"
        "Prints all settings that were tried, and the line to put in front of the program. Exit status: 0;\n"
        "1: no setting keeps the bound. weir help sweep explains the figures.\n",
    .run = run_tune,
};
