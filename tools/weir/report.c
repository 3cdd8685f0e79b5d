/* weir report: a heap profile, read: the table of functions, callers and callees, the tree, lifetimes, a
 * flame graph. The parts are in tools/weir/report. Names come from the debug information of the program's
 * files.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/arguments.h"
#include "tools/weir/command.h"

#ifdef WEIR_HAS_ELFUTILS

#include "tools/weir/report/flame.h"
#include "tools/weir/report/graph.h"
#include "tools/weir/report/named.h"
#include "tools/weir/report/print.h"

typedef struct report_choice {
    const char *file, *base, *peek, *svg, *named, *debug_path;
    enum profile_value value;
    bool has_value, tree, lifetimes, owners, by_cum;
    size_t most;
} report_choice_t;

static bool take_index(report_choice_t *choice, const char *name)
{
    for (size_t i = 0; i < PROFILE_VALUES; i++)
        if (strcmp(name, profile_value_names[i]) == 0) {
            choice->value = (enum profile_value)i;
            choice->has_value = true;
            return true;
        }
    return false;
}

static bool take_number(size_t *number, const char *text)
{
    char *end;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

/* Returns 0, or the exit status if the option is wrong; one line has said why. */
static int take_option(report_choice_t *choice, char **arguments, int *at)
{
    const char *value;
    if ((value = arguments_value("--base", arguments, at)))
        choice->base = value;
    else if ((value = arguments_value("--peek", arguments, at)))
        choice->peek = value;
    else if ((value = arguments_value("--svg", arguments, at)))
        choice->svg = value;
    else if ((value = arguments_value("--named", arguments, at)))
        choice->named = value;
    else if ((value = arguments_value("--debug-path", arguments, at)))
        choice->debug_path = value;
    else if ((value = arguments_value("--index", arguments, at))) {
        if (!take_index(choice, value))
            return command_bad_usage(
                &command_report,
                "--index \"%s\": expected alloc_objects, alloc_space, inuse_objects or inuse_space", value);
    } else if ((value = arguments_value("--top", arguments, at))) {
        if (!take_number(&choice->most, value))
            return command_bad_usage(&command_report, "--top \"%s\": expected a number", value);
    } else if (strcmp(arguments[*at], "--tree") == 0)
        choice->tree = true;
    else if (strcmp(arguments[*at], "--lifetimes") == 0)
        choice->lifetimes = true;
    else if (strcmp(arguments[*at], "--owners") == 0)
        choice->owners = true;
    else if (strcmp(arguments[*at], "--cum") == 0)
        choice->by_cum = true;
    else
        return command_bad_usage(&command_report, "unknown option \"%s\"", arguments[*at]);
    return value && !*value ? command_bad_usage(&command_report, "%s: expected a value", arguments[*at]) : 0;
}

static int take_arguments(report_choice_t *choice, int count, char **arguments)
{
    for (int at = 1; at < count; at++) {
        int status = 0;
        if (arguments[at][0] == '-')
            status = take_option(choice, arguments, &at);
        else if (choice->file)
            status = command_bad_usage(&command_report, "one profile at a time: \"%s\"", arguments[at]);
        else
            choice->file = arguments[at];
        if (status)
            return status;
    }
    return choice->file ? 0 : command_bad_usage(&command_report, "expected a profile");
}

static int failed(const char *path)
{
    fprintf(stderr, "weir report: %s: %s\n", path, strerror(errno));
    return 1;
}

static int write_flame(const report_choice_t *choice, const graph_t *graph)
{
    FILE *to = fopen(choice->svg, "w");
    bool done = to && flame_write(graph, choice->file, to);
    done = to && fclose(to) == 0 && done;
    return done ? 0 : failed(choice->svg);
}

static int show(const report_choice_t *choice, const graph_t *graph)
{
    if (choice->svg)
        return write_flame(choice, graph);
    if (choice->peek && !report_peek(graph, choice->peek)) {
        fprintf(stderr, "weir report: no function's name contains \"%s\"\n", choice->peek);
        return 1;
    }
    if (choice->tree)
        report_tree(graph);
    else if (choice->owners)
        report_owners(graph, choice->most);
    else if (choice->lifetimes)
        report_lifetimes(graph, choice->most);
    else if (!choice->peek)
        report_top(graph, choice->most, choice->by_cum);
    return 0;
}

static int report_profile(int count, char **arguments)
{
    report_choice_t choice = {.most = 20};
    int status = take_arguments(&choice, count, arguments);
    if (status)
        return status;
    graph_t graph = {.value = choice.has_value ? choice.value : choice.lifetimes ? ALLOC_SPACE : INUSE_SPACE};
    profile_t profile, base;
    if (!profile_read(choice.file, &profile) || (choice.base && !profile_read(choice.base, &base)))
        return 1;
    profile_find_symbols(&profile, choice.debug_path);
    if (choice.named)
        return named_write(&profile, choice.named) ? 0 : failed(choice.named);
    graph_add(&graph, &profile, 1);
    if (choice.base) {
        profile_find_symbols(&base, choice.debug_path);
        graph_add(&graph, &base, -1);
    }
    return show(&choice, &graph);
}

#else

static int report_profile(int count, char **arguments)
{
    (void)count, (void)arguments;
    fprintf(stderr, "weir report: this weir was built without elfutils (Debian: libdw-dev) and zlib; "
                    "`go tool pprof` reads the profiles too\n");
    return EXIT_OWN_FAILURE;
}

#endif

const struct command command_report = {
    .name = "report",
    .usage = "[OPTION]... PROFILE",
    .summary = "Say which functions allocated the memory, by a heap profile",
    .details =
        "  --index=VALUE       inuse_space (the default), inuse_objects, alloc_space or alloc_objects\n"
        "  --top=N             print N functions (20)\n"
        "  --cum               sort by what each function and its callees allocated\n"
        "  --peek=TEXT         callers and callees of the functions whose names contain the text\n"
        "  --tree              the tree of calls\n"
        "  --lifetimes         how long blocks lived, by the function that allocated them\n"
        "  --owners            add up by the pools, arenas and budgets that have names\n"
        "  --svg=FILE          a flame graph that can be clicked\n"
        "  --base=PROFILE      print the difference to an earlier profile\n"
        "  --named=FILE        write the profile again, with names and lines: for go tool pprof, and for\n"
        "                      machines that do not have the program\n"
        "  --debug-path=FOLDER look for debug information here too: FOLDER/.build-id/..., as in /usr/lib/debug\n"
        "The column \"rounding\" is the part of the cells that the program did not ask for.\n",
    .run = report_profile,
};
