/* arguments: the options of a command line that stand for options of the runtime. */
#ifndef WEIR_TOOLS_ARGUMENTS_H
#define WEIR_TOOLS_ARGUMENTS_H

#include <stdbool.h>

#include "runtime/config/options.h"
#include "tools/weir/command.h"

/* --memlimit is the flag of WEIR_MEMLIMIT, --profile-rate that of WEIR_PROFILE_RATE. Valid until the next
 * call. */
const char *arguments_flag(const struct options_row *row);

/* The value of "--flag value" or "--flag=value" if arguments[*at] is that flag, else NULL; *at is moved on to
 * the value. A flag without a value gets "", which no option takes. */
const char *arguments_value(const char *flag, char **arguments, int *at);

/* Would the runtime take this value? If not, one line says what it expects. */
bool arguments_check(const struct command *command, const struct options_row *row, const char *value);
void arguments_bad_value(const struct command *command, const char *flag, const char *value,
                         const struct options_problem *problem);

#endif
