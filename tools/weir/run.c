/* weir run: put a program on weir and become it.
 *
 * The knobs are checked by the runtime's own parser and handed over in the environment; then exec. There is
 * no process of weir's left behind, so signals, the terminal and the exit status are the program's own. With
 * --leaks the process that was started stays: it waits for the program, passes signals on, and ends as the
 * program did.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "tools/weir/arguments.h"
#include "tools/weir/command.h"
#include "tools/weir/control/client.h"
#include "tools/weir/environment.h"
#include "tools/weir/leaks.h"
#include "tools/weir/preload.h"

/* --- The command line --- */

enum taken { NOT_MINE, TAKEN, REFUSED };

/* A flag without a value: --collect is --collect=1, --profile and --trace write to a file of this name. */
static const char *switch_of(const struct options_row *row, const char *argument)
{
    if ((row->kind != OPTIONS_CHOICE && row->kind != OPTIONS_FILE) ||
        strcmp(argument, arguments_flag(row)) != 0)
        return NULL;
    if (row->kind == OPTIONS_CHOICE)
        return "1";
    return row == &options_table[OPTIONS_trace] ? "weir-%p.trace.json" : "weir-%p.pb.gz";
}

/* The flag of a variable: its value is checked and put into the environment. */
static enum taken take_variable(char **arguments, int *at)
{
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++) {
        const char *value = row->is_key ? NULL : switch_of(row, arguments[*at]);
        if (value == NULL && !row->is_key)
            value = arguments_value(arguments_flag(row), arguments, at);
        if (value == NULL)
            continue;
        if (!arguments_check(&command_run, row, value))
            return REFUSED;
        return environment_set(&command_run, row->name, value) ? TAKEN : REFUSED;
    }
    return NOT_MINE;
}

static void report_debug(void *failed, const struct options_problem *problem)
{
    char item[128];
    snprintf(item, sizeof item, "%.*s", (int)problem->length, problem->value);
    if (!*(bool *)failed) /* one line is enough */
        arguments_bad_value(&command_run, "--debug", item, problem);
    *(bool *)failed = true;
}

static enum taken take_debug(char **arguments, int *at)
{
    struct options scratch = options;
    bool failed = false;
    const char *list = arguments_value("--debug", arguments, at);
    if (list == NULL)
        return NOT_MINE;
    options_parse_debug(&scratch, list, report_debug, &failed);
    if (*list == '\0')
        command_bad_usage(&command_run, "--debug: expected KEY=VALUE");
    return !failed && *list != '\0' && environment_add_debug(&command_run, list) ? TAKEN : REFUSED;
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

/* --leaks forks, and this returns in the child, which becomes the program. So what is noted of the process
 * from here on, such as its id, is about the child. */
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
    if (environment_get("WEIR_LEAKS_FILE")[0] != '\0') /* given twice, or by a weir run around this one */
        return environment_add_debug(&command_run, "leaks=1") ? TAKEN : REFUSED;
    return leaks_fork(file) && environment_add_debug(&command_run, "leaks=1") ? TAKEN : REFUSED;
}

static enum taken take_http(char **arguments, int *at, bool *serves)
{
    const char *address = arguments_value("--http", arguments, at);
    if (address == NULL)
        return NOT_MINE;
    if (*address == '\0') {
        command_bad_usage(&command_run, "--http: expected ADDRESS:PORT or unix:/PATH");
        return REFUSED;
    }
    if (*serves) {
        command_bad_usage(&command_run, "expected one of --http, --page and --control");
        return REFUSED;
    }
    *serves = true;
    return environment_set(&command_run, "WEIR_HTTP", address) ? TAKEN : REFUSED;
}

/* The page, at a port that the kernel chooses, with a token of its own; the process says at which address
 * (runtime/http). */
static enum taken take_page(const char *argument, bool *serves)
{
    unsigned char secret[16];
    char token[2 * sizeof secret + 1];
    if (strcmp(argument, "--page") != 0)
        return NOT_MINE;
    if (*serves) {
        command_bad_usage(&command_run, "expected one of --http, --page and --control");
        return REFUSED;
    }
    *serves = true;
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret) {
        fprintf(stderr, "weir run: --page: no random token: %s\n", strerror(errno));
        return REFUSED;
    }
    for (size_t i = 0; i < sizeof secret; i++)
        snprintf(token + 2 * i, 3, "%02x", secret[i]);
    return environment_set(&command_run, "WEIR_HTTP", "127.0.0.1:0") &&
                   environment_set(&command_run, "WEIR_HTTP_TOKEN", token) &&
                   environment_set(&command_run, "WEIR_HTTP_PAGE", "1")
               ? TAKEN
               : REFUSED;
}

/* A socket where `weir top` and `weir ctl` look for it. */
static enum taken take_control(const char *argument, bool *serves)
{
    char address[128];
    if (strcmp(argument, "--control") != 0)
        return NOT_MINE;
    if (*serves) {
        command_bad_usage(&command_run, "expected one of --http, --page and --control");
        return REFUSED;
    }
    const char *folder = client_folder("run");
    if (folder == NULL)
        return REFUSED;
    *serves = true;
    snprintf(address, sizeof address, "unix:%s/%%p", folder);
    return environment_set(&command_run, "WEIR_HTTP", address) ? TAKEN : REFUSED;
}

/* The endpoint is of the process that this one becomes, and not of its children. */
static bool serve_here(void)
{
    char process[32];
    snprintf(process, sizeof process, "%ld", (long)getpid());
    return environment_set(&command_run, "WEIR_HTTP_PID", process);
}

/* Take the options. Returns the index of the program among the arguments; 0: the command ends, and a line has
 * said why. */
static int take_options(int count, char **arguments)
{
    bool children = false, serves = false;
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
            taken = take_http(arguments, &at, &serves);
        if (taken == NOT_MINE)
            taken = take_page(argument, &serves);
        if (taken == NOT_MINE)
            taken = take_control(argument, &serves);
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
    if (serves && !serve_here())
        return 0;
    char stats[64];
    snprintf(stats, sizeof stats, "stats=%s,statspid=%ld", format, children ? 0 : (long)getpid());
    return format == NULL || environment_add_debug(&command_run, stats) ? at : 0;
}

static int run_run(int count, char **arguments)
{
    int at = take_options(count, arguments);
    if (at == 0)
        return EXIT_USAGE;
    char **program = arguments + at;
    const char *obstacle = preload_obstacle(program[0]);
    if (obstacle != NULL)
        fprintf(stderr, "weir run: %s %s: it runs on its own malloc\n", program[0], obstacle);
    if (!environment_add_library(&command_run))
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
            printf("  %-16s %-17s %s\n", arguments_flag(row), room, row->meaning);
    }
    printf("  %-16s %-17s %s\n", "--debug", "KEY=VALUE,...", "WEIR_DEBUG, of which the keys are:");
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++)
        if (row->is_key) {
            char room[64];
            text_t item = text_on(room, sizeof room);
            text_add_str(&item, row->name);
            text_add_char(&item, '=');
            options_add_grammar(&item, row);
            printf("  %-16s %-17s %s\n", "", room, row->meaning);
        }
    printf("  %-34s %s\n", "--stats, --stats=json", "print the account on stderr when the program ends");
    printf("  %-34s %s\n", "--http ADDRESS:PORT, unix:/PATH",
           "serve /metrics, /debug/vars and the page there");
    printf("  %-34s %s\n", "--page", "serve the page at a free port, and print its address");
    printf("  %-34s %s\n", "--control", "let weir top and weir ctl see it and set its knobs");
    printf("  %-34s %s\n", "--stats-children", "also when a process that it starts ends");
    printf("  %-34s %s\n", "--leaks, --leaks=FILE", "report at the end the blocks to which nothing points");
}

const struct command command_run = {
    .name = "run",
    .usage = "[OPTION]... [--] PROGRAM [ARGUMENT]...",
    .summary = "Run a program on weir in place of its malloc",
    .details = "Signals and the exit status are those of the program. Other statuses: 127, it was not\n"
               "found; 126, it cannot be executed; 125, weir could not go on; 2, the command line makes no\n"
               "sense.\n",
    .run = run_run,
    .print_options = print_options,
};
