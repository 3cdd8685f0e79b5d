/* rounds: see rounds.h. Our programs print results themselves. Of the caller's program the results are what
 * weir sweep measures: its time, its processor time, and its peak and average memory, as the kernel counts
 * them.
 */
#include "tools/weir/bench/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/environment.h"
#include "tools/weir/sweep/measure.h"

char *rounds_path(const rounds_t *rounds, const candidate_t *candidate)
{
    char *path;
    if (asprintf(&path, "%s/%s.txt", rounds->folder, candidate->label) < 0)
        memory_checked(NULL);
    return path;
}

static bool fail(const candidate_t *candidate, const char *what)
{
    fprintf(stderr, "weir bench: under %s: %s\n", candidate->label, what);
    return false;
}

/* In the child: does not return. */
_Noreturn static void become(const rounds_t *rounds, const candidate_t *candidate, int file)
{
    const char *library = candidate->setting.library;
    bool ready = dup2(file, STDOUT_FILENO) >= 0 &&
                 (library == NULL ? environment_add_library(&command_bench)
                                  : *library == '\0' || environment_preload(&command_bench, library));
    if (ready)
        execl(candidate->program, candidate->program, "-benchtime", rounds->benchtime, "-bench",
              rounds->match, (char *)NULL);
    _exit(EXIT_CANNOT_RUN);
}

static bool run_ours(const rounds_t *rounds, const candidate_t *candidate, int file)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        become(rounds, candidate, file);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           fail(candidate, "a program of benchmarks failed");
}

/* "BenchmarkProgram", without what a name of a benchmark cannot have. */
static void name_of(const char *program, char *name, size_t size)
{
    const char *slash = strrchr(program, '/');
    snprintf(name, size, "%s", slash != NULL ? slash + 1 : program);
    for (char *c = name; *c != '\0'; c++)
        if (*c <= ' ' || *c == '/' || *c == '=' || *c > '~')
            *c = '_';
    if (*name >= 'a' && *name <= 'z')
        *name = (char)(*name - 'a' + 'A');
}

static bool run_theirs(const rounds_t *rounds, const candidate_t *candidate, int file)
{
    sweep_measure_t measure = {.command = &command_bench, .program = rounds->program};
    char name[64];
    run_t run;
    if (!measure_run(&measure, &candidate->setting, &run))
        return false;
    if (!run_is_good(&run))
        return fail(candidate, run.error != 0 ? strerror(run.error) : "the program failed");
    name_of(rounds->program[0], name, sizeof name);
    return dprintf(file, "Benchmark%s 1 %.0f ns/op %.0f cpu-ns/op %ju peak-RSS-bytes %ju average-RSS-bytes\n",
                   name, 1e9 * run.wall, 1e9 * run.cpu, (uintmax_t)run.peak, (uintmax_t)run.average) > 0 ||
           fail(candidate, strerror(errno));
}

static bool run_one(const rounds_t *rounds, const candidate_t *candidate, bool first)
{
    char *path = rounds_path(rounds, candidate);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (first ? O_TRUNC : 0), 0666);
    bool good = file >= 0 ? (rounds->program != NULL ? run_theirs : run_ours)(rounds, candidate, file)
                          : fail(candidate, strerror(errno));
    if (file >= 0)
        close(file);
    free(path);
    return good;
}

bool rounds_run(const rounds_t *rounds, const candidates_t *candidates)
{
    bool good = true, shows = isatty(STDERR_FILENO);
    for (unsigned round = 0; good && round < rounds->count; round++)
        for (size_t i = 0; good && i < candidates->count; i++) {
            const candidate_t *candidate = &candidates->all[(round + i) % candidates->count];
            if (shows)
                fprintf(stderr, "\r\033[Kround %u of %u, %s", round + 1, rounds->count, candidate->label);
            good = run_one(rounds, candidate, round == 0) && measure_interrupted() == 0;
        }
    if (shows)
        fputs("\r\033[K", stderr);
    return good;
}
