/* weir ctl: the knobs of a running process, through its endpoint. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/arguments.h"
#include "tools/weir/command.h"
#include "tools/weir/control/client.h"

/* Add "key=value" to the target, '%' encoded; false: too long. */
static bool add_pair(char *target, size_t size, const char *pair)
{
    size_t length = strlen(target);
    target[length] = strchr(target, '?') != NULL ? '&' : '?';
    length++;
    for (; *pair != '\0' && length < size - 4; pair++)
        length += (size_t)snprintf(target + length, size - length, *pair == '%' ? "%%25" : "%c", *pair);
    target[length] = '\0';
    return *pair == '\0';
}

static bool check_pair(const char *pair)
{
    static const enum options_index knobs[] = {OPTIONS_gogc, OPTIONS_memlimit};
    static const char *const names[] = {"gogc=", "memlimit="};
    for (size_t i = 0; i < 2; i++)
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return arguments_check(&command_ctl, &options_table[knobs[i]], pair + strlen(names[i]));
    command_bad_usage(&command_ctl, "\"%s\": expected gogc=PERCENT, memlimit=SIZE, gc or free", pair);
    return false;
}

static int run_ctl(int count, char **arguments)
{
    char target[256] = "/debug/tune";
    pid_t process = count > 1 ? client_process(arguments[1]) : 0;
    if (process == 0)
        return command_bad_usage(&command_ctl, "expected the id of a process");
    if (count < 3)
        return command_bad_usage(&command_ctl, "expected gogc=PERCENT, memlimit=SIZE, gc or free");
    if (count == 3 && (strcmp(arguments[2], "gc") == 0 || strcmp(arguments[2], "free") == 0)) {
        snprintf(target, sizeof target, "/debug/%s", arguments[2]);
        return client_command("ctl", process, "POST", target);
    }
    for (int i = 2; i < count; i++)
        if (!check_pair(arguments[i]) || !add_pair(target, sizeof target, arguments[i]))
            return EXIT_USAGE;
    return client_command("ctl", process, "POST", target);
}

const struct command command_ctl = {
    .name = "ctl",
    .usage = "PID gogc=PERCENT|memlimit=SIZE... | PID gc | PID free",
    .summary = "Set the knobs of a running process, have it collect, or have it give memory back",
    .details = "The process has to be started with weir run --control, by the same user.\n"
               "Exit status: 0; 1: it cannot be reached, or refuses.\n",
    .run = run_ctl,
};
