/* setting: see setting.h. */
#include "tools/weir/sweep/setting.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/arguments.h"
#include "tools/weir/benchstat/memory.h"
#include "tools/weir/environment.h"

static setting_t *add(settings_t *settings)
{
    settings->all = memory_grow(settings->all, settings->count, sizeof *settings->all);
    return memset(&settings->all[settings->count++], 0, sizeof *settings->all);
}

static char *copy(const char *text)
{
    return text != NULL ? memory_text(text, strlen(text)) : NULL;
}

void settings_add(settings_t *settings, const char *gogc, const char *memlimit)
{
    setting_t *setting = add(settings);
    setting->gogc = copy(gogc);
    setting->memlimit = copy(memlimit);
    if (asprintf(&setting->name, "%s%s%s%s%s", gogc != NULL ? "gogc=" : "", gogc != NULL ? gogc : "",
                 gogc != NULL && memlimit != NULL ? " " : "", memlimit != NULL ? "memlimit=" : "",
                 memlimit != NULL ? memlimit : "") < 0)
        memory_checked(NULL);
}

/* The next element of a list, as a string of its own; NULL at the end. An empty element is one. */
static char *next_element(const char **list)
{
    if (*list == NULL)
        return NULL;
    const char *start = *list, *end = strchrnul(start, ',');
    *list = *end == ',' ? end + 1 : NULL;
    return memory_text(start, (size_t)(end - start));
}

static bool is_given(const char *list)
{
    return list != NULL && *list != '\0';
}

static bool check_list(const struct command *command, const struct options_row *row, const char *list)
{
    bool good = true;
    if (!is_given(list))
        return true;
    for (char *value; good && (value = next_element(&list)) != NULL; free(value))
        good = arguments_check(command, row, value);
    return good;
}

bool settings_add_knobs(settings_t *settings, const struct command *command, const char *gogc,
                        const char *memlimit)
{
    if (!check_list(command, &options_table[OPTIONS_gogc], gogc) ||
        !check_list(command, &options_table[OPTIONS_memlimit], memlimit))
        return false;
    const char *limits = is_given(memlimit) ? memlimit : NULL;
    do {
        char *limit = next_element(&limits);
        const char *percents = is_given(gogc) ? gogc : NULL;
        do {
            char *percent = next_element(&percents);
            settings_add(settings, percent, limit);
            free(percent);
        } while (percents != NULL);
        free(limit);
    } while (limits != NULL);
    return true;
}

/* Where Debian and others put libraries. */
static char *find_library(const char *file)
{
    static const char *const folders[] = {"/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64",
                                          "/usr/lib"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folders[i], file);
        char *found = realpath(path, NULL);
        if (found != NULL)
            return found;
    }
    return NULL;
}

char *setting_library_of(const char *name)
{
    static const struct {
        const char *name, *files[4];
    } known[] = {
        {"jemalloc", {"libjemalloc.so.2", "libjemalloc.so"}},
        {"mimalloc", {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"}},
        {"tcmalloc", {"libtcmalloc_minimal.so.4", "libtcmalloc_minimal.so", "libtcmalloc.so.4"}}};
    if (strcmp(name, "glibc") == 0)
        return memory_text("", 0);
    if (strchr(name, '/') != NULL)
        return realpath(name, NULL);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        for (size_t file = 0; strcmp(name, known[i].name) == 0 && file < 4 && known[i].files[file] != NULL;
             file++) {
            char *path = find_library(known[i].files[file]);
            if (path != NULL)
                return path;
        }
    return NULL;
}

bool settings_add_baselines(settings_t *settings, const struct command *command, const char *list)
{
    for (char *name; (name = next_element(&list)) != NULL;) {
        char *library = setting_library_of(name);
        if (library == NULL) {
            command_bad_usage(
                command,
                "--baseline \"%s\": expected glibc, or jemalloc, mimalloc, tcmalloc where they are "
                "installed, or the path of a library",
                name);
            return false;
        }
        *add(settings) = (setting_t){.name = name, .library = library};
    }
    return true;
}

bool setting_apply(const setting_t *setting, const struct command *command)
{
    if (setting->library != NULL)
        return *setting->library == '\0' || environment_preload(command, setting->library);
    return (setting->gogc == NULL || environment_set(command, "WEIR_GOGC", setting->gogc)) &&
           (setting->memlimit == NULL || environment_set(command, "WEIR_MEMLIMIT", setting->memlimit)) &&
           environment_add_debug(command, "stats=json,statspid=0") && environment_add_library(command);
}

void setting_options(const setting_t *setting, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%s", setting->gogc != NULL ? " --gogc " : "",
             setting->gogc != NULL ? setting->gogc : "", setting->memlimit != NULL ? " --memlimit " : "",
             setting->memlimit != NULL ? setting->memlimit : "");
}
