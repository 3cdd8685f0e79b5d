/* weir pins: which blocks of a running process hold memory that would otherwise go back, through its
 * endpoint. */
#include "tools/weir/command.h"
#include "tools/weir/control/client.h"

static int run_pins(int count, char **arguments)
{
    pid_t process = count == 2 ? client_process(arguments[1]) : 0;
    if (process == 0)
        return command_bad_usage(&command_pins, "expected the id of a process");
    return client_command("pins", process, "GET", "/debug/pins");
}

const struct command command_pins = {
    .name = "pins",
    .usage = "PID",
    .summary = "Show which blocks of a running process keep memory from going back to the kernel",
    .details = "The process has to be started with weir run --control, by the same user.\n"
               "Exit status: 0; 1: it cannot be reached.\n",
    .run = run_pins,
};
