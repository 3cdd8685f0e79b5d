/* weir help: all commands, or one of them. */
#include <stdio.h>

#include "tools/weir/command.h"

void command_print_help(const struct command *command)
{
    printf("usage: weir %s %s\n\n%s.\n", command->name, command->usage, command->summary);
    if (command->details != NULL)
        printf("\n%s", command->details);
    if (command->print_options != NULL) {
        printf("\n");
        command->print_options();
    }
}

static void print_all(void)
{
    printf("usage: weir COMMAND ...\n\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        printf("  %-10s %s\n", (*command)->name, (*command)->summary);
    printf("\nweir help COMMAND says more; weir --version prints the version.\n");
}

static int run_help(int count, char **arguments)
{
    if (count > 2)
        return command_bad_usage(&command_help, "expected at most one command");
    if (count == 1) {
        print_all();
        return 0;
    }
    const struct command *command = command_find(arguments[1]);
    if (command == NULL)
        return command_bad_usage(&command_help, "unknown command \"%s\"", arguments[1]);
    command_print_help(command);
    return 0;
}

const struct command command_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "Explain the commands",
    .run = run_help,
};
