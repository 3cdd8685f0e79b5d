/* options: see options.h. */
#include "tools/weir/sweep/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/arguments.h"
#include "tools/weir/preload.h"

enum { MOST_RUNS = 10000 };

static enum options_taken refuse(const study_t *study, const char *flag, const char *value,
                                 const char *expected)
{
    command_bad_usage(study->measure.command, "%s \"%s\": expected %s", flag, value, expected);
    return OPTIONS_REFUSED;
}

static enum options_taken take_repeat(study_t *study, char **arguments, int *at)
{
    const char *value = arguments_value("--repeat", arguments, at);
    if (value == NULL)
        return OPTIONS_NOT_MINE;
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || number < 1 || number > MOST_RUNS)
        return refuse(study, "--repeat", value, "a number of runs");
    study->repeat = (unsigned)number;
    return OPTIONS_TAKEN;
}

/* --time and --memory: one of two words each. */
static enum options_taken take_word(study_t *study, char **arguments, int *at)
{
    const struct {
        const char *flag, *words[2], *expected;
        enum figure figures[2], *chosen;
    } choices[] = {
        {"--time", {"wall", "cpu"}, "wall or cpu", {FIGURE_WALL, FIGURE_CPU}, &study->time},
        {"--memory", {"average", "peak"}, "average or peak", {FIGURE_AVERAGE, FIGURE_PEAK}, &study->memory},
    };
    for (size_t i = 0; i < 2; i++) {
        const char *value = arguments_value(choices[i].flag, arguments, at);
        if (value == NULL)
            continue;
        for (size_t word = 0; word < 2; word++)
            if (strcmp(value, choices[i].words[word]) == 0) {
                *choices[i].chosen = choices[i].figures[word];
                return OPTIONS_TAKEN;
            }
        return refuse(study, choices[i].flag, value, choices[i].expected);
    }
    return OPTIONS_NOT_MINE;
}

static enum options_taken take_common(study_t *study, char **arguments, int *at)
{
    if (strcmp(arguments[*at], "--collect") == 0)
        study->measure.collect = true;
    else if (strcmp(arguments[*at], "--stdout") == 0)
        study->measure.keeps_stdout = true;
    else {
        enum options_taken taken = take_repeat(study, arguments, at);
        return taken != OPTIONS_NOT_MINE ? taken : take_word(study, arguments, at);
    }
    return OPTIONS_TAKEN;
}

int options_take_all(study_t *study, int count, char **arguments, options_take *take, void *context)
{
    const struct command *command = study->measure.command;
    int at = 1;
    for (; at < count && arguments[at][0] == '-'; at++) {
        if (strcmp(arguments[at], "--") == 0) {
            at++;
            break;
        }
        const char *argument = arguments[at];
        enum options_taken taken = take(context, arguments, &at);
        if (taken == OPTIONS_NOT_MINE)
            taken = take_common(study, arguments, &at);
        if (taken == OPTIONS_NOT_MINE)
            command_bad_usage(command, "unknown option \"%s\"", argument);
        if (taken != OPTIONS_TAKEN)
            return EXIT_USAGE;
    }
    if (at >= count)
        return command_bad_usage(command, "expected a program to run");
    study->measure.program = arguments + at;
    const char *obstacle = preload_obstacle(arguments[at]);
    if (obstacle != NULL)
        fprintf(stderr, "weir %s: %s %s: the knobs do not reach it\n", command->name, arguments[at],
                obstacle);
    return obstacle != NULL ? EXIT_OWN_FAILURE : 0;
}
