/* weir sweep: a program under many settings of the knobs: what each costs and what it saves. The parts are in
 * tools/weir/sweep.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/weir/arguments.h"
#include "tools/weir/command.h"
#include "tools/weir/preload.h"
#include "tools/weir/sweep/options.h"
#include "tools/weir/sweep/picture.h"
#include "tools/weir/sweep/print.h"

static const char ALL_PERCENTS[] = "25,50,100,200,400,off";

struct sweep_choice {
    const char *gogc, *memlimit, *baseline, *picture;
    bool json;
};

/* Take arguments[*at] if it is an option of the sweep alone. */
static enum options_taken take_sweep_option(void *context, char **arguments, int *at)
{
    struct sweep_choice *choice = context;
    const struct {
        const char *flag, **value;
    } lists[] = {{"--gogc", &choice->gogc},
                 {"--memlimit", &choice->memlimit},
                 {"--baseline", &choice->baseline},
                 {"--picture", &choice->picture}};
    if (strcmp(arguments[*at], "--json") == 0) {
        choice->json = true;
        return OPTIONS_TAKEN;
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *flag = arguments[*at], *value = arguments_value(lists[i].flag, arguments, at);
        if (value == NULL)
            continue;
        *lists[i].value = value;
        if (*value != '\0')
            return OPTIONS_TAKEN;
        command_bad_usage(&command_sweep, "%s: expected a value", flag);
        return OPTIONS_REFUSED;
    }
    return OPTIONS_NOT_MINE;
}

static int report_sweep(const study_t *study, const struct sweep_choice *choice, bool complete)
{
    if (choice->json) {
        print_json(study, complete ? "" : ", \"interrupted\": true", stdout);
    } else {
        print_table(study, stdout);
        print_findings(study, stdout);
    }
    bool drawn = strcmp(choice->picture, "none") == 0 || picture_draw(study, choice->picture);
    if (!choice->json && drawn && strcmp(choice->picture, "none") != 0)
        printf("picture: %s.svg, %s.png\n", choice->picture, choice->picture);
    return fflush(stdout) == 0 && study_failed(study) == 0 ? 0 : 1;
}

static int run_sweep(int count, char **arguments)
{
    struct sweep_choice choice = {.picture = "weir-sweep"};
    study_t study = {
        .measure = {.command = &command_sweep}, .repeat = 3, .time = FIGURE_WALL, .memory = FIGURE_AVERAGE};
    int status = options_take_all(&study, count, arguments, take_sweep_option, &choice);
    if (status != 0)
        return status;
    if (choice.gogc == NULL && choice.memlimit == NULL)
        choice.gogc = ALL_PERCENTS;
    if (!settings_add_knobs(&study.settings, &command_sweep, choice.gogc, choice.memlimit) ||
        (choice.baseline != NULL &&
         !settings_add_baselines(&study.settings, &command_sweep, choice.baseline)))
        return EXIT_USAGE;
    measure_prepare();
    bool complete = study_run(&study);
    if (!complete && measure_interrupted() == 0)
        return EXIT_OWN_FAILURE;
    status = report_sweep(&study, &choice, complete);
    return complete ? status : 128 + measure_interrupted();
}

const struct command command_sweep = {
    .name = "sweep",
    .usage = "[OPTION]... [--] PROGRAM [ARGUMENT]...",
    .summary = "Run a program under many settings of the knobs, and show what each costs and saves",
    .details =
        "  --gogc P,P,...        values of WEIR_GOGC; 25,50,100,200,400,off unless --memlimit is given\n"
        "  --memlimit S,S,...    values of WEIR_MEMLIMIT; with --gogc, every combination\n"
        "  --baseline M,M,...    other mallocs in the same picture: glibc, jemalloc, mimalloc, tcmalloc,\n"
        "                        or the path of a library\n"
        "  --collect             the program's memory is collected (WEIR_COLLECT=1)\n"
        "  --repeat N            runs of each setting (3)\n"
        "  --time wall|cpu       which time memory is compared with (wall)\n"
        "  --memory average|peak which memory is compared with it (average)\n"
        "  --picture NAME        draw NAME.svg and NAME.png (weir-sweep); none: draw nothing\n"
        "  --json                print all runs as one JSON object instead of the table\n"
        "  --stdout              let the program write to stdout; otherwise it goes to /dev/null\n"
        "\n"
        "Time, CPU and peak are those of time(1); the average is over time, of the largest process.\n"
        "The figures are medians; a spread is half of the range, in percent. The program reads /dev/null; if\n"
        "stdin is a file, it reads that from its beginning. Exit status: 0; 1: a run failed.\n",
    .run = run_sweep,
};
