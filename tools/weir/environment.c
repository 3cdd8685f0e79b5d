/* environment: see environment.h. */
#include "tools/weir/environment.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/preload.h"

bool environment_set(const struct command *command, const char *name, const char *value)
{
    if (setenv(name, value, 1) == 0)
        return true;
    fprintf(stderr, "weir %s: cannot set %s: %s\n", command->name, name, strerror(errno));
    return false;
}

/* Set the variable to both parts with the separator between them, or to the one part that is not empty. */
static bool join(const struct command *command, const char *name, const char *front, char separator,
                 const char *back)
{
    char *joined = NULL;
    if (*front == '\0' || *back == '\0')
        return environment_set(command, name, *front == '\0' ? back : front);
    if (asprintf(&joined, "%s%c%s", front, separator, back) < 0)
        return false;
    bool done = environment_set(command, name, joined);
    free(joined);
    return done;
}

const char *environment_get(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

bool environment_add_debug(const struct command *command, const char *list)
{
    return join(command, "WEIR_DEBUG", environment_get("WEIR_DEBUG"), ',', list);
}

bool environment_preload(const struct command *command, const char *library)
{
    if (strpbrk(library, " :") != NULL) {
        fprintf(stderr, "weir %s: %s: the dynamic linker takes no path with a space or colon\n",
                command->name, library);
        return false;
    }
    return join(command, "LD_PRELOAD", library, ':', environment_get("LD_PRELOAD"));
}

bool environment_add_library(const struct command *command)
{
    char library[PATH_MAX];
    const char *given = getenv("WEIR_LIBRARY");
    if (!preload_find_library(library, sizeof library)) {
        fprintf(stderr, "weir %s: %s: not found; WEIR_LIBRARY may say where the library is\n", command->name,
                given != NULL ? given : "libweir-malloc.so");
        return false;
    }
    return environment_preload(command, library);
}
