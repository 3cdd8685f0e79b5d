/* leaks: see leaks.h. The runtime writes what it finds to a file of ours, which WEIR_LEAKS_FILE names
 * (runtime/service/leaks_print.h); each report is read and printed when its writer closes the file, which it
 * has locked (leaks_report.h).
 */
#include "tools/weir/leaks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/command.h"
#include "tools/weir/leaks_report.h"

/* --- the processes ---
 *
 *     weir run (the front)  --->  keeper  --->  the program  --->  what it starts
 *
 * The front passes signals on and ends as the program does. The keeper prints; it is a subreaper, so that
 * what outlives the program becomes its child, and it stays in the background until the last of them has
 * ended. Then the file is removed.
 */

static volatile sig_atomic_t child;

/* The terminal sends its signals to both processes, so only those of kill are passed on. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    if (child > 0 && info->si_code <= 0)
        kill(child, number);
    errno = saved;
}

static const int passed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT};
enum { PASSED = sizeof passed / sizeof passed[0] };

/* --- the keeper --- */

typedef struct keeper {
    FILE *from, *to;
    const char *path; /* of `from` */
    int front;        /* a pipe: the child's number, then its status */
} keeper_t;

/* Take all children that have ended. If the program is among them, print its leaks, and send its status to
 * the front, which then ends. False: there are no more children. */
static bool reap(keeper_t *keeper)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended != (pid_t)child)
            continue;
        leaks_report(keeper->from, keeper->to);
        fflush(keeper->to);
        if (waitpid(-1, &(int){0}, WNOHANG) < 0)
            unlink(keeper->path); /* nobody is left: when the front ends all is done */
        if (write(keeper->front, &status, sizeof status) < 0)
            fprintf(stderr, "weir run: %s\n", strerror(errno));
        close(keeper->front);
    }
    return ended == 0;
}

/* Each report is printed when its writer closes the file; without inotify, when a process has ended. */
static _Noreturn void keep(keeper_t keeper)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
        signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watch >= 0)
        inotify_add_watch(watch, keeper.path, IN_CLOSE_WRITE);
    struct pollfd both[] = {{.fd = watch, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while (reap(&keeper)) {
        enum { LOOK_MS = 1000 }; /* used if there is no signalfd */
        char events[4096];
        poll(both, 2, signals >= 0 ? -1 : LOOK_MS);
        while (signals >= 0 && read(signals, events, sizeof events) > 0)
            continue;
        while (watch >= 0 && read(watch, events, sizeof events) > 0)
            continue;
        leaks_report(keeper.from, keeper.to);
        fflush(keeper.to);
    }
    unlink(keeper.path);
    leaks_report(keeper.from, keeper.to);
    fflush(keeper.to);
    _exit(0);
}

/* Give up stdin and stdout, so that the keeper does not hold them open after the program has ended. stderr
 * stays: reports go there. */
static void leave_streams(void)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
        close(nothing);
    }
}

static FILE *open_report(const char *file)
{
    FILE *to = file ? fopen(file, "we") : stderr;
    if (to)
        return to;
    fprintf(stderr, "weir run: %s: %s\n", file, strerror(errno));
    return stderr;
}

/* In the keeper: returns in its child, which becomes the program. */
static void start_program(int raw, const char *path, const char *file, int front, const sigset_t *before)
{
    keeper_t keeper = {.path = path, .front = front};
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t made = fork();
    if (made == 0) {
        sigprocmask(SIG_SETMASK, before, NULL);
        return;
    }
    if (made < 0) {
        fprintf(stderr, "weir run: %s\n", strerror(errno));
        unlink(path);
        _exit(EXIT_OWN_FAILURE);
    }
    child = made;
    for (size_t i = 0; i < PASSED; i++)
        signal(passed[i], SIG_IGN);
    int number = made;
    if (write(front, &number, sizeof number) < 0)
        _exit(EXIT_OWN_FAILURE);
    leave_streams();
    keeper.from = fdopen(raw, "r");
    if (!keeper.from) {
        fprintf(stderr, "weir run: out of memory\n");
        exit(EXIT_OWN_FAILURE);
    }
    keeper.to = open_report(file);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGCHLD);
    sigprocmask(SIG_SETMASK, &only, NULL);
    keep(keeper);
}

/* --- the front --- */

/* False: the keeper has ended before. */
static bool read_number(int from, int *number)
{
    ssize_t got;
    while ((got = read(from, number, sizeof *number)) < 0 && errno == EINTR)
        continue;
    return got == sizeof *number;
}

static _Noreturn void end_as(int status)
{
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    prctl(PR_SET_DUMPABLE, 0); /* the core is the program's */
    signal(WTERMSIG(status), SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    raise(WTERMSIG(status));
    _exit(128 + WTERMSIG(status));
}

static _Noreturn void wait_for_program(int from, const sigset_t *before)
{
    int number, status;
    if (!read_number(from, &number))
        _exit(EXIT_OWN_FAILURE);
    child = number;
    for (size_t i = 0; i < PASSED; i++)
        sigaction(passed[i],
                  &(struct sigaction){.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART}, NULL);
    sigprocmask(SIG_SETMASK, before, NULL);
    if (!read_number(from, &status))
        _exit(EXIT_OWN_FAILURE);
    end_as(status);
}

bool leaks_fork(const char *file)
{
    static char path[4096];
    const char *directory = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/weir-leaks.XXXXXX", directory && *directory ? directory : "/tmp");
    int raw = mkostemp(path, O_CLOEXEC), ends[2];
    char *absolute = raw >= 0 ? realpath(path, NULL) : NULL;
    if (!absolute || setenv("WEIR_LEAKS_FILE", absolute, 1) != 0 || pipe2(ends, O_CLOEXEC) != 0) {
        fprintf(stderr, "weir run: %s: %s\n", path, strerror(errno));
        return false;
    }
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t keeper = fork();
    if (keeper == 0) {
        close(ends[0]);
        start_program(raw, absolute, file, ends[1], &before);
        free(absolute);
        return true;
    }
    close(ends[1]);
    if (keeper > 0)
        wait_for_program(ends[0], &before);
    fprintf(stderr, "weir run: %s\n", strerror(errno));
    unlink(absolute);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return false;
}
