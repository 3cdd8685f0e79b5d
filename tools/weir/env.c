/* weir env: the options as the runtime would read them from this environment. */
#include <string.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "tools/weir/command.h"

static int run_env(int count, char **arguments)
{
    bool json = count > 1 && strcmp(arguments[1], "--json") == 0;
    int known = json ? 2 : 1;
    if (count > known)
        return command_bad_usage(&command_env, "unknown argument \"%s\"", arguments[known]);
    options_load();
    if (json)
        options_print_json(&options, STDOUT_FILENO);
    else
        options_print(&options, STDOUT_FILENO);
    return 0;
}

const struct command command_env = {
    .name = "env",
    .usage = "[--json]",
    .summary = "Print every option, its value, where the value comes from, and what it means",
    .details = "Errors in the environment are reported on stderr, as a program on weir does.\n",
    .run = run_env,
};
