/* weir run: put a program on weir and become it.
 *
 * The knobs are checked by the runtime's own parser and handed over in the environment; then exec. There is no
 * process of weir's left behind, so signals, the terminal and the exit status are the program's own; but for --leaks, of
 * which the process that was started waits, passes signals on, and ends as the program did.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/os/options.h"
#include "tools/weir/command.h"
#include "tools/weir/leaks.h"
#include "tools/weir/preload.h"

/* --- The environment --- */

static bool set_variable(const char *name, const char *value)
{
    if (setenv(name, value, 1) == 0)
        return true;
    fprintf(stderr, "weir run: cannot set %s: %s\n", name, strerror(errno));
    return false;
}

/* Set the variable to the parts in this order, or to the new one alone if it was empty. */
static bool join_variable(const char *name, const char *front, char separator, const char *back)
{
    char *joined = NULL;
    if (*front == '\0' || *back == '\0')
        return set_variable(name, *front == '\0' ? back : front);
    if (asprintf(&joined, "%s%c%s", front, separator, back) < 0)
        return false;
    bool done = set_variable(name, joined);
    free(joined);
    return done;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* In WEIR_DEBUG the last of equal keys wins. */
static bool add_debug(const char *list)
{
    return join_variable("WEIR_DEBUG", variable("WEIR_DEBUG"), ',', list);
}

static bool add_library(void)
{
    char library[PATH_MAX];
    const char *given = getenv("WEIR_LIBRARY");
    if (!preload_find_library(library, sizeof library)) {
        fprintf(stderr, "weir run: %s: not found; WEIR_LIBRARY may say where the library is\n",
                given != NULL ? given : "libweir-malloc.so");
        return false;
    }
    if (strpbrk(library, " :") != NULL) {
        fprintf(stderr, "weir run: %s: the dynamic linker takes no path with a space or colon\n", library);
        return false;
    }
    return join_variable("LD_PRELOAD", library, ':', variable("LD_PRELOAD"));
}

/* --- The command line --- */

/* --memlimit is the flag of WEIR_MEMLIMIT. */
static const char *flag_of(const struct options_row *row)
{
    static char flag[64] = "--";
    size_t length = 2;
    for (const char *c = row->name + strlen("WEIR_"); *c != '\0' && length < sizeof flag - 1; c++)
        flag[length++] = (char)tolower((unsigned char)*c);
    flag[length] = '\0';
    return flag;
}

static void bad_value(const char *flag, const char *value, const struct options_problem *problem)
{
    char room[512];
    text_t expected = text_on(room, sizeof room);
    if (problem->row == NULL)
        text_add_str(&expected, "unknown key");
    else if (problem->detail != NULL)
        text_add_str(&expected, problem->detail);
    else {
        text_add_str(&expected, "expected ");
        options_add_expected(&expected, problem->row);
    }
    command_bad_usage(&command_run, "%s \"%s\": %s", flag, value, room);
}

static void report_debug(void *failed, const struct options_problem *problem)
{
    char item[128];
    snprintf(item, sizeof item, "%.*s", (int)problem->length, problem->value);
    if (!*(bool *)failed) /* one line is enough */
        bad_value("--debug", item, problem);
    *(bool *)failed = true;
}

/* The value of "--flag value" or "--flag=value" if arguments[*at] is that flag; *at is moved on to the value. A
 * flag without one gets "", which no option takes. */
static const char *value_of(const char *flag, char **arguments, int *at)
{
    size_t length = strlen(flag);
    if (strncmp(arguments[*at], flag, length) != 0)
        return NULL;
    if (arguments[*at][length] == '=')
        return arguments[*at] + length + 1;
    if (arguments[*at][length] != '\0')
        return NULL;
    return arguments[*at + 1] != NULL ? arguments[++*at] : "";
}

enum taken { NOT_MINE, TAKEN, REFUSED };

/* A flag that stands for yes: --collect is --collect=1. */
static const char *switch_of(const struct options_row *row, const char *argument)
{
    return row->kind == OPTIONS_CHOICE && strcmp(argument, flag_of(row)) == 0 ? "1" : NULL;
}

/* The flag of a variable: its value is checked and put into the environment. */
static enum taken take_variable(char **arguments, int *at)
{
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++) {
        const char *value = row->is_key ? NULL : switch_of(row, arguments[*at]);
        if (value == NULL && !row->is_key)
            value = value_of(flag_of(row), arguments, at);
        if (value == NULL)
            continue;
        struct options scratch = options;
        struct options_problem problem = {.row = row};
        if (*value == '\0' || !options_parse(&scratch, row->name, value, &problem)) {
            bad_value(flag_of(row), value, &problem);
            return REFUSED;
        }
        return set_variable(row->name, value) ? TAKEN : REFUSED;
    }
    return NOT_MINE;
}

static enum taken take_debug(char **arguments, int *at)
{
    struct options scratch = options;
    bool failed = false;
    const char *list = value_of("--debug", arguments, at);
    if (list == NULL)
        return NOT_MINE;
    options_parse_debug(&scratch, list, report_debug, &failed);
    if (*list == '\0')
        command_bad_usage(&command_run, "--debug: expected KEY=VALUE");
    return !failed && *list != '\0' && add_debug(list) ? TAKEN : REFUSED;
}

/* With statspid the account is printed by the process that this one becomes, and not by its children. */
static enum taken take_stats(const char *argument, bool *children, const char **format)
{
    if (strcmp(argument, "--stats-children") == 0)
        *children = true;
    else if (strcmp(argument, "--stats") != 0 && strcmp(argument, "--stats=json") != 0)
        return NOT_MINE;
    if (strcmp(argument, "--stats=json") == 0)
        *format = "json";
    else if (*format == NULL)
        *format = "1";
    return TAKEN;
}

/* From here on this is the child: what follows is about the process that becomes the program. */
static enum taken take_leaks(const char *argument)
{
    const char *file = NULL;
    if (strncmp(argument, "--leaks=", strlen("--leaks=")) == 0)
        file = argument + strlen("--leaks=");
    else if (strcmp(argument, "--leaks") != 0)
        return NOT_MINE;
    if (file != NULL && *file == '\0') {
        command_bad_usage(&command_run, "--leaks=: expected a file");
        return REFUSED;
    }
    if (variable("WEIR_LEAKS_FILE")[0] != '\0') /* given twice, or by a weir run around this one */
        return add_debug("leaks=1") ? TAKEN : REFUSED;
    return leaks_fork(file) && add_debug("leaks=1") ? TAKEN : REFUSED;
}

/* Take the options; returns where the program stands among the arguments, 0 if there is no going on. */
static int take_options(int count, char **arguments)
{
    bool children = false;
    const char *format = NULL;
    int at = 1;
    for (; at < count && arguments[at][0] == '-'; at++) {
        if (strcmp(arguments[at], "--") == 0) {
            at++;
            break;
        }
        const char *argument = arguments[at];
        enum taken taken = take_stats(argument, &children, &format);
        if (taken == NOT_MINE)
            taken = take_leaks(argument);
        if (taken == NOT_MINE)
            taken = take_variable(arguments, &at);
        if (taken == NOT_MINE)
            taken = take_debug(arguments, &at);
        if (taken == NOT_MINE)
            command_bad_usage(&command_run, "unknown option \"%s\"", argument);
        if (taken != TAKEN)
            return 0;
    }
    if (at >= count) {
        command_bad_usage(&command_run, "expected a program to run");
        return 0;
    }
    char stats[64];
    snprintf(stats, sizeof stats, "stats=%s,statspid=%ld", format, children ? 0 : (long)getpid());
    return format == NULL || add_debug(stats) ? at : 0;
}

static int run(int count, char **arguments)
{
    int at = take_options(count, arguments);
    if (at == 0)
        return EXIT_USAGE;
    char **program = arguments + at;
    const char *obstacle = preload_obstacle(program[0]);
    if (obstacle != NULL)
        fprintf(stderr, "weir run: %s %s: it runs on its own malloc\n", program[0], obstacle);
    if (!add_library())
        return EXIT_OWN_FAILURE;
    execvp(program[0], program);
    int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    fprintf(stderr, "weir run: %s: %s\n", program[0], strerror(errno));
    return status;
}

static void print_options(void)
{
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++) {
        char room[64];
        text_t grammar = text_on(room, sizeof room);
        options_add_grammar(&grammar, row);
        if (!row->is_key)
            printf("  %-12s %-17s %s\n", flag_of(row), room, row->meaning);
    }
    printf("  %-12s %-17s %s\n", "--debug", "KEY=VALUE,...", "WEIR_DEBUG, of which the keys are:");
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++)
        if (row->is_key) {
            char room[64];
            text_t item = text_on(room, sizeof room);
            text_add_str(&item, row->name);
            text_add_char(&item, '=');
            options_add_grammar(&item, row);
            printf("  %-12s %-17s %s\n", "", room, row->meaning);
        }
    printf("  %-30s %s\n", "--stats, --stats=json", "print the account on stderr when the program ends");
    printf("  %-30s %s\n", "--stats-children", "also when the processes end that it starts");
    printf("  %-30s %s\n", "--leaks, --leaks=FILE", "say at the end which blocks nothing points to any more");
}

const struct command command_run = {
    .name = "run",
    .usage = "[OPTION]... [--] PROGRAM [ARGUMENT]...",
    .summary = "Run a program with its malloc swapped for weir",
    .details = "Signals and the exit status are the program's own; 127: it was not found, 126: it cannot be\n"
               "executed, 125: weir could not go on, 2: the command line makes no sense.\n",
    .run = run,
    .print_options = print_options,
};
