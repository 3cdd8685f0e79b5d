/* weir: the command. main finds the subcommand in the table and leaves the rest to it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <weir/version.h>

#include "tools/weir/command.h"

const struct command *const commands[] = {
    &command_run,    &command_sweep,     &command_tune,    &command_top, &command_ctl,    &command_bench,
    &command_pins,   &command_why,       &command_metrics, &command_env, &command_report, &command_layout,
    &command_advise, &command_benchstat, &command_help,    NULL};

const struct command *command_find(const char *name)
{
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

int command_bad_usage(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "weir %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (see weir help %s)\n", command->name);
    va_end(arguments);
    return EXIT_USAGE;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fputs("weir: expected a command (see weir help)\n", stderr);
        return EXIT_USAGE;
    }
    const char *name = arguments[1];
    if (strcmp(name, "--version") == 0) {
        printf("weir %s\n", weir_version());
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const struct command *command = command_find(name);
    if (command == NULL) {
        fprintf(stderr, "weir: unknown command \"%s\" (see weir help)\n", name);
        return EXIT_USAGE;
    }
    if (count > 2 && strcmp(arguments[2], "--help") == 0) {
        command_print_help(command);
        return 0;
    }
    return command->run(count - 1, arguments + 1);
}
