/* weir advise: which blocks of a program need not be on the heap, and which are in too many pieces. The parts
 * are in tools/weir/advise. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/arguments.h"
#include "tools/weir/command.h"

#ifdef WEIR_HAS_ELFUTILS

#include "tools/weir/advise/baseline.h"
#include "tools/weir/advise/page.h"
#include "tools/weir/advise/show.h"
#include "tools/weir/advise/start.h"
#include "tools/weir/environment.h"
#include "tools/weir/report/named.h"

typedef struct choice {
    const char *profile, *keep, *html, *baseline, *debug_path, *sort, *rate;
    uint64_t most, least, fail_over;
    bool exact, json, fails;
} choice_t;

static bool take_size(uint64_t *number, const char *text, bool has_unit)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || errno != 0)
        return false;
    const char *unit = has_unit && *end ? strchr(units, *end) : NULL;
    if (unit && strcmp(end + 1, "iB") == 0)
        return !__builtin_mul_overflow(*number, (uint64_t)1 << 10 * (unit - units + 1), number);
    return *end == '\0';
}

static bool take_flag(choice_t *choice, const char *argument)
{
    if (strcmp(argument, "--exact") == 0)
        choice->exact = true;
    else if (strcmp(argument, "--json") == 0)
        choice->json = true;
    else
        return false;
    return true;
}

/* An option whose value is kept as it is. */
static const char *take_text(choice_t *choice, char **arguments, int *at)
{
    const struct {
        const char *flag, **to;
    } texts[] = {{"--profile", &choice->profile},  {"--keep", &choice->keep},
                 {"--html", &choice->html},        {"--baseline", &choice->baseline},
                 {"--sort", &choice->sort},        {"--debug-path", &choice->debug_path},
                 {"--profile-rate", &choice->rate}};
    const char *value = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && !value; i++)
        if ((value = arguments_value(texts[i].flag, arguments, at)))
            *texts[i].to = value;
    return value;
}

/* Returns 0, or the exit status if the option is wrong; one line has said why. */
static int take_advise_option(choice_t *choice, char **arguments, int *at)
{
    const char *value, *flag = arguments[*at];
    bool good = true;
    if (take_flag(choice, flag))
        return 0;
    if ((value = take_text(choice, arguments, at)))
        good = *value != '\0';
    else if ((value = arguments_value("--top", arguments, at)))
        good = take_size(&choice->most, value, false);
    else if ((value = arguments_value("--least", arguments, at)))
        good = take_size(&choice->least, value, false);
    else if ((value = arguments_value("--fail-over", arguments, at)))
        choice->fails = good = take_size(&choice->fail_over, value, true);
    else
        return command_bad_usage(&command_advise, "unknown option \"%s\"", flag);
    return good ? 0 : command_bad_usage(&command_advise, "%s: expected a value, not \"%s\"", flag, value);
}

static bool is_order(const char *name)
{
    return strcmp(name, "both") == 0 || strcmp(name, "bytes") == 0 || strcmp(name, "objects") == 0 ||
           strcmp(name, "time") == 0;
}

/* Returns the index of the program among the arguments, or `count` if there is none. If *status is set, the
 * command ends with it. */
static int take_advise_arguments(choice_t *choice, int count, char **arguments, int *status)
{
    int at = 1;
    for (; at < count && arguments[at][0] == '-' && *status == 0; at++) {
        if (strcmp(arguments[at], "--") == 0) {
            at++;
            break;
        }
        *status = take_advise_option(choice, arguments, &at);
    }
    if (*status == 0 && !is_order(choice->sort))
        *status = command_bad_usage(&command_advise, "--sort \"%s\": expected both, bytes, objects or time",
                                    choice->sort);
    if (*status == 0 && (at < count) == (choice->profile != NULL))
        *status =
            command_bad_usage(&command_advise, choice->profile ? "expected a program or --profile, not both"
                                                               : "expected a program to run");
    return at;
}

static int advise_failed(const char *path)
{
    fprintf(stderr, "weir advise: %s: %s\n", path, strerror(errno));
    return 1;
}

static int write_page(const choice_t *choice, const profile_t *profile, const proposals_t *proposals,
                      const char *title)
{
    FILE *to = fopen(choice->html, "w");
    bool done = to && page_write(profile, proposals, title, to);
    done = to && fclose(to) == 0 && done;
    return done ? 0 : advise_failed(choice->html);
}

static int show_all(const choice_t *choice, const profile_t *profile, const proposals_t *proposals,
                    const char *title)
{
    baseline_t baseline = {NULL, 0, 0};
    int status = 0;
    if (choice->json)
        show_json(profile, proposals, stdout);
    else
        show_table(profile, proposals, choice->most);
    fflush(stdout);
    if (choice->html)
        status = write_page(choice, profile, proposals, title);
    if (choice->baseline && !baseline_read(choice->baseline, &baseline))
        return 1;
    if (choice->fails && baseline_excess(&baseline, profile, proposals) > choice->fail_over)
        status = 1;
    return status;
}

/* Was the profile written with WEIR_DEBUG=escape=1? Then its samples have places. */
static bool has_places(const profile_t *profile, const char *path)
{
    size_t noted = 0;
    for (size_t i = 0; i < profile->sample_count; i++)
        noted += profile->samples[i].escape.place != 0;
    if (noted == 0 && profile->sample_count)
        fprintf(
            stderr,
            "weir advise: %s: it does not say where blocks are freed (WEIR_DEBUG=escape=1, and no WEIR_COLLECT)\n",
            path);
    return noted || profile->sample_count == 0;
}

static int advise(const choice_t *choice, const char *path, const char *title)
{
    profile_t profile;
    if (!profile_read(path, &profile) || !has_places(&profile, path))
        return 1;
    profile_find_symbols(&profile, choice->debug_path);
    cost_t cost = cost_measure();
    proposals_t proposals = proposals_make(&profile, &cost, choice->least);
    proposals_label(&proposals, &profile);
    if (choice->keep && !named_write(&profile, choice->keep))
        return advise_failed(choice->keep);
    proposals_add_layouts(&proposals, &profile, choice->debug_path);
    proposals_sort(&proposals, choice->sort);
    if (profile.sample_count == 0)
        fprintf(stderr, "weir advise: %s: no block was sampled; --exact notes all\n", title);
    return show_all(choice, &profile, &proposals, title);
}

static int run(int count, char **arguments)
{
    choice_t choice = {.most = 20, .least = 100, .sort = "both"};
    int status = 0;
    if (count == 2 && strcmp(arguments[1], "--measure") == 0)
        return cost_print();
    int at = take_advise_arguments(&choice, count, arguments, &status);
    if (status)
        return status;
    if (choice.profile)
        return environment_add_library(&command_advise) ? advise(&choice, choice.profile, choice.profile)
                                                        : EXIT_OWN_FAILURE;
    start_t start = {
        .rate = choice.exact ? "1" : choice.rate, .is_exact = choice.exact, .to_stderr = choice.json};
    status = start_run(&command_advise, &start, arguments + at);
    if (status == 0)
        status = advise(&choice, start.profile, arguments[at]);
    start_end(&start);
    return status;
}

#else

static int run(int count, char **arguments)
{
    (void)count, (void)arguments;
    fputs(
        "weir advise: this weir was built without elfutils (Debian: libdw-dev) and zlib; build it again with them\n",
        stderr);
    return EXIT_OWN_FAILURE;
}

#endif

const struct command command_advise = {
    .name = "advise",
    .usage = "[OPTION]... [--] PROGRAM [ARGUMENT]...",
    .summary = "Say what of a program need not be on the heap, and what is allocated in too many pieces",
    .details =
        "The program needs debug information (gcc -g), and runs once, on weir. For each place that allocates, the advice\n"
        "follows from what happened to its blocks: a local variable, an arena of the function that outlives them, a pool,\n"
        "a larger first size, a builder, fewer and larger blocks, another order of a struct's members.\n"
        "  --exact            record every block, not a sample: slower, but the advice is surer\n"
        "  --profile-rate=N   bytes from sample to sample; 512 KiB\n"
        "  --sort=ORDER       sort by bytes, objects or time; or by both bytes and time, as shares (both)\n"
        "  --top=N            print N entries (20)\n"
        "  --least=N          only places with at least N blocks (100)\n"
        "  --json             print all that is known as JSON; the output of the program goes to stderr\n"
        "  --html=FILE        write a page with the lines of source\n"
        "  --fail-over=BYTES  end with status 1 if more than so many bytes could be saved\n"
        "  --baseline=FILE    count only what could be saved beyond an earlier run's --json\n"
        "  --keep=FILE        keep the heap profile, with names: for weir report and go tool pprof\n"
        "  --profile=FILE     read a profile of weir run --profile --debug escape=1 instead of running a program\n"
        "  --debug-path=DIR   look for debug files here too, by build id\n"
        "Exit status: 0; 1: --fail-over, or a file that cannot be read or written; 125: there is no profile of the program.\n",
    .run = run,
};
