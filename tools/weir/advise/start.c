/* start: see start.h. Each process that the program starts writes a profile under its own process id. Only
 * the profile of the program itself is read. */
#include "tools/weir/advise/start.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/weir/environment.h"
#include "tools/weir/preload.h"

static bool make_folder(start_t *start)
{
    const char *base = getenv("TMPDIR");
    int length =
        snprintf(start->folder, sizeof start->folder, "%s/weir-advise.XXXXXX", base && *base ? base : "/tmp");
    if (length < (int)sizeof start->folder && mkdtemp(start->folder))
        return true;
    fprintf(stderr, "weir advise: no folder for the profile: %s\n", strerror(errno));
    return false;
}

static bool prepare(const struct command *command, const start_t *start)
{
    char pattern[96];
    snprintf(pattern, sizeof pattern, "%s/%%p", start->folder);
    return environment_set(command, "WEIR_PROFILE", pattern) && environment_add_debug(command, "escape=1") &&
           (!start->rate || environment_set(command, "WEIR_PROFILE_RATE", start->rate)) &&
           environment_add_library(command);
}

static void become(const start_t *start, char **program)
{
    if (start->to_stderr)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    execvp(program[0], program);
    int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    fprintf(stderr, "weir advise: %s: %s\n", program[0], strerror(errno));
    _exit(status);
}

/* `shows`: a line on the terminal tells how long the program has run. */
static int wait_for(pid_t child, bool shows)
{
    const struct timespec tick = {.tv_nsec = 200000000};
    int status = 0;
    pid_t ended = 0;
    for (unsigned ticks = 0; shows && ended == 0; ticks++) {
        ended = waitpid(child, &status, WNOHANG);
        if (ended == 0 && ticks % 5 == 0)
            fprintf(stderr, "\rweir advise: each block is noted; %u s ", ticks / 5);
        if (ended == 0)
            nanosleep(&tick, NULL);
    }
    while (ended == 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (shows)
        fputs("\r\033[K", stderr);
    return status;
}

static int read_status(const start_t *start, const char *name, int status)
{
    if (WIFSIGNALED(status))
        fprintf(stderr, "weir advise: %s was ended by signal %d\n", name, WTERMSIG(status));
    else if (WEXITSTATUS(status) == EXIT_NOT_FOUND || WEXITSTATUS(status) == EXIT_CANNOT_RUN)
        return access(start->profile, R_OK) == 0 ? 0 : WEXITSTATUS(status);
    else if (WEXITSTATUS(status) != 0)
        fprintf(stderr, "weir advise: %s ended with status %d\n", name, WEXITSTATUS(status));
    if (access(start->profile, R_OK) == 0)
        return 0;
    const char *obstacle = preload_obstacle(name);
    fprintf(stderr, "weir advise: %s %s\n", name, obstacle ? obstacle : "has left no profile");
    return EXIT_OWN_FAILURE;
}

int start_run(const struct command *command, start_t *start, char **program)
{
    if (!make_folder(start) || !prepare(command, start))
        return EXIT_OWN_FAILURE;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        become(start, program);
    if (child < 0) {
        fprintf(stderr, "weir advise: %s\n", strerror(errno));
        return EXIT_OWN_FAILURE;
    }
    void (*interrupt)(int) = signal(SIGINT, SIG_IGN), (*quit)(int) = signal(SIGQUIT, SIG_IGN);
    int status = wait_for(child, start->is_exact && isatty(STDERR_FILENO));
    signal(SIGINT, interrupt);
    signal(SIGQUIT, quit);
    snprintf(start->profile, sizeof start->profile, "%s/%ld", start->folder, (long)child);
    return read_status(start, program[0], status);
}

void start_end(const start_t *start)
{
    DIR *folder = start->folder[0] ? opendir(start->folder) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    if (start->folder[0])
        rmdir(start->folder);
}
