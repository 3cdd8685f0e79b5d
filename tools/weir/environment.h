/* environment: what a command puts into its environment for the program that it starts. What fails is said in
 * one line on stderr, in the command's name.
 */
#ifndef WEIR_TOOLS_ENVIRONMENT_H
#define WEIR_TOOLS_ENVIRONMENT_H

#include <stdbool.h>

#include "tools/weir/command.h"

/* "" if it is not set. */
const char *environment_get(const char *name);
bool environment_set(const struct command *command, const char *name, const char *value);

/* Add to WEIR_DEBUG, in which the last of equal keys wins. */
bool environment_add_debug(const struct command *command, const char *list);

/* Put a library in front of LD_PRELOAD: the one at the path, or libweir-malloc.so. */
bool environment_preload(const struct command *command, const char *library);
bool environment_add_library(const struct command *command);

#endif
