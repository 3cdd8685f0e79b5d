/* candidate: see candidate.h. The programs lie in libexec of the installed tree, or in the build tree where
 * it puts them. */
#include "tools/weir/bench/candidate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/benchstat/memory.h"

#ifndef WEIR_BENCH_FROM_COMMAND
#define WEIR_BENCH_FROM_COMMAND "../libexec/weir/bench"
#endif

enum { OWN = 1, EACH = 2 };

/* How a program takes part: by itself, with its label, or under each malloc. */
static const struct {
    const char *family, *label, *program;
    int how;
} programs[] = {
    {"pool", "pool", "pool-weir", OWN},         {"pool", NULL, "pool-malloc", EACH},
    {"arena", "arena", "arena-weir", OWN},      {"arena", NULL, "arena-malloc", EACH},
    {"arena", "obstack", "arena-obstack", OWN}, {"malloc", NULL, "malloc", EACH},
};

static const char *const mallocs[] = {"glibc", "weir", "jemalloc", "mimalloc", "tcmalloc"};

/* The path of a program of ours; NULL: it is not installed. */
static char *find_program(const char *name)
{
    static const char *const places[] = {"bench/families", WEIR_BENCH_FROM_COMMAND};
    char command[PATH_MAX], place[2 * PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", command, sizeof command - 1);
    if (length <= 0)
        return NULL;
    command[length] = '\0';
    *(strrchr(command, '/') + 1) = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(place, sizeof place, "%s%s/%s", command, places[i], name);
        char *found = realpath(place, NULL);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static void add(candidates_t *candidates, const char *label, char *program, const char *library)
{
    candidates->all = memory_grow(candidates->all, candidates->count, sizeof *candidates->all);
    candidates->all[candidates->count++] = (candidate_t){
        .label = label,
        .program = program,
        .setting = {.library = library != NULL ? memory_text(library, strlen(library)) : NULL},
    };
}

static void add_each(candidates_t *candidates, char *program)
{
    for (size_t i = 0; i < sizeof mallocs / sizeof mallocs[0]; i++) {
        bool is_weir = strcmp(mallocs[i], "weir") == 0;
        char *library = is_weir ? NULL : setting_library_of(mallocs[i]);
        if (is_weir || library != NULL)
            add(candidates, mallocs[i], program, library);
        else
            fprintf(stderr, "weir bench: %s is not installed: left out\n", mallocs[i]);
        free(library);
    }
}

bool candidates_find(candidates_t *candidates, const char *family, bool own)
{
    if (own)
        add_each(candidates, NULL);
    for (size_t i = 0; !own && i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(programs[i].family, family) != 0)
            continue;
        char *program = find_program(programs[i].program);
        if (program == NULL) {
            fprintf(stderr, "weir bench: %s is not installed: it was not built\n", programs[i].program);
            return false;
        }
        if (programs[i].how == OWN)
            add(candidates, programs[i].label, program, "");
        else
            add_each(candidates, program);
    }
    if (candidates->count == 0)
        command_bad_usage(&command_bench, "\"%s\": expected pool, arena or malloc", family);
    return candidates->count > 0;
}
