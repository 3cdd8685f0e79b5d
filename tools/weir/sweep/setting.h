/* setting: one way of running the program: knobs of weir, or another malloc. */
#ifndef WEIR_TOOLS_SWEEP_SETTING_H
#define WEIR_TOOLS_SWEEP_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/command.h"

typedef struct setting {
    char *name;     /* "gogc=50 memlimit=64MiB", or of a baseline what the caller called it */
    char *gogc;     /* values of the knobs; NULL: as the environment has it */
    char *memlimit; /* likewise */
    char *library;  /* of a baseline: the malloc to preload, "" for the program's own; NULL: weir */
} setting_t;

typedef struct settings {
    setting_t *all;
    size_t count;
} settings_t;

void settings_add(settings_t *settings, const char *gogc, const char *memlimit);

/* Add every combination of two lists, separated by commas; NULL or "": that knob is left as it is. False,
 * after a line on stderr in the command's name, if the runtime would not take a value. */
bool settings_add_knobs(settings_t *settings, const struct command *command, const char *gogc,
                        const char *memlimit);

/* Add the mallocs of a list: glibc (the program's own), jemalloc, mimalloc, tcmalloc, or the path of a
 * library. False, after a line, if there is none of that name. */
bool settings_add_baselines(settings_t *settings, const struct command *command, const char *list);

/* What to preload for a malloc that is known by name, or for a path: "" for glibc, the program's own; NULL:
 * it is not installed. The caller frees it. */
char *setting_library_of(const char *name);

/* In the process that becomes the program: what the setting puts into the environment. */
bool setting_apply(const setting_t *setting, const struct command *command);

/* The options of `weir run` that make this setting, into `text`. */
void setting_options(const setting_t *setting, char *text, size_t size);

#endif
