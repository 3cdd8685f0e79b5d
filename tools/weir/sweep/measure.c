/* measure: see measure.h. The program's stdin is /dev/null, or the file that stdin is, from its beginning in
 * each run. What a program leaves running would disturb the next run: this process adopts it
 * (PR_SET_CHILD_SUBREAPER), and ends it.
 */
#include "tools/weir/sweep/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/weir/environment.h"
#include "tools/weir/saturate.h"
#include "tools/weir/sweep/processes.h"

enum { LOOKS_MIN = 5 };                 /* fewer say nothing of an average: then it is taken to be the peak */
static const double TICK = 0.5;         /* seconds */
static const double LEFT_TIMEOUT = 5.0; /* for what was left behind, to end by itself */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

/* --- signals --- */

static volatile sig_atomic_t interrupted, running;

/* The second signal kills the program. */
static void on_signal(int number)
{
    if (running > 0)
        kill(running, interrupted != 0 ? SIGKILL : number);
    interrupted = number;
}

void measure_prepare(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &(struct sigaction){.sa_handler = on_signal}, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int measure_interrupted(void)
{
    return interrupted;
}

/* --- the program --- */

static bool open_as(int target, const char *path, int flags)
{
    int fd = open(path, flags);
    return fd >= 0 && (fd == target || (dup2(fd, target) == target && close(fd) == 0));
}

static bool open_stdin(void)
{
    struct stat status;
    bool is_file = fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    return (is_file && open_as(STDIN_FILENO, "/proc/self/fd/0", O_RDONLY)) ||
           open_as(STDIN_FILENO, "/dev/null", O_RDONLY);
}

/* In the child: does not return. Whatever fails before the program begins is told through `report`. */
_Noreturn static void become(const sweep_measure_t *measure, const setting_t *setting, int words, int report,
                             const char *accounts)
{
    bool is_weir = setting->library == NULL;
    bool ready = open_stdin() && dup2(words, STDERR_FILENO) >= 0 &&
                 (measure->keeps_stdout || open_as(STDOUT_FILENO, "/dev/null", O_WRONLY)) &&
                 environment_set(measure->command, "WEIR_STATS_FILE", accounts) &&
                 (!measure->collect || !is_weir || environment_set(measure->command, "WEIR_COLLECT", "1")) &&
                 setting_apply(setting, measure->command);
    if (ready)
        execvp(measure->program[0], measure->program);
    int error = ready ? errno : ECANCELED;
    if (write(report, &error, sizeof error) < 0)
        _exit(EXIT_OWN_FAILURE);
    _exit(EXIT_NOT_FOUND);
}

/* Returns its process id, or 0 with run->error set. */
static pid_t start(const sweep_measure_t *measure, const setting_t *setting, run_t *run, int words,
                   const char *accounts)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        run->error = errno;
        return 0;
    }
    pid_t child = fork();
    if (child == 0)
        become(measure, setting, words, report[1], accounts);
    run->error = child < 0 ? errno : 0;
    close(report[1]);
    int error;
    if (child > 0 && read(report[0], &error, sizeof error) == sizeof error) {
        waitpid(child, NULL, 0);
        run->error = error;
    }
    close(report[0]);
    return run->error != 0 ? 0 : child;
}

/* --- waiting --- */

static void sleep_until_end(int process, double time)
{
    struct timespec length = {.tv_sec = (time_t)time, .tv_nsec = (long)((time - (double)(time_t)time) * 1e9)};
    ppoll(&(struct pollfd){.fd = process, .events = POLLIN}, process >= 0, &length, NULL);
}

/* Seconds from one look to the next: 1 to 50 ms, in proportion to the time that the run has lasted; but at
 * least 50 times as long as a look takes. */
static double interval_after(double elapsed, double look)
{
    double interval = elapsed / 200;
    interval = interval < 0.001 ? 0.001 : interval > 0.05 ? 0.05 : interval;
    return interval > 50 * look ? interval : 50 * look;
}

/* Look at the program until it ends. Returns the integral of its memory over time, in bytes times seconds.
 * *looks: from how many looks. */
static double follow(const sweep_measure_t *measure, pid_t child, double began, unsigned *looks)
{
    int process = (int)syscall(SYS_pidfd_open, child, 0);
    double area = 0, last = began, ticked = began;
    uint64_t resident = 0;
    for (;;) {
        siginfo_t ended = {0};
        double before = now();
        uint64_t found = processes_largest(child);
        double after = now();
        if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == child) {
            area += (double)resident * (after - last);
            break;
        }
        area += ((double)resident + (double)found) / 2 * (before - last);
        resident = found;
        ++*looks;
        last = before;
        if (measure->tick != NULL && after - ticked > TICK)
            measure->tick(measure->context, (ticked = after) - began);
        sleep_until_end(process, interval_after(after - began, after - before));
    }
    if (process >= 0)
        close(process);
    return area;
}

static void take_usage(run_t *run, const struct rusage *usage)
{
    uint64_t peak = (uint64_t)usage->ru_maxrss * 1024;
    run->cpu += seconds(usage->ru_utime) + seconds(usage->ru_stime);
    run->peak = peak > run->peak ? peak : run->peak;
}

/* Wait for those that have ended; false: there are no others. */
static bool reap(run_t *run)
{
    struct rusage usage;
    pid_t ended;
    while ((ended = wait4(-1, NULL, WNOHANG, &usage)) > 0)
        take_usage(run, &usage);
    return ended == 0;
}

/* End what the program has left behind, for its memory and its ports would be in the way of the next run. */
static void end_rest(run_t *run)
{
    double began = now();
    if (!reap(run))
        return;
    run->left = processes_signal_all(getpid(), SIGTERM);
    while (reap(run)) {
        if (now() - began > LEFT_TIMEOUT)
            processes_signal_all(getpid(), SIGKILL);
        sleep_until_end(-1, 0.005);
    }
}

static void wait_for(const sweep_measure_t *measure, pid_t child, double began, run_t *run)
{
    struct rusage usage;
    unsigned looks = 0;
    double area = follow(measure, child, began, &looks);
    run->wall = now() - began;
    while (wait4(child, &run->status, 0, &usage) < 0 && errno == EINTR)
        ;
    running = 0;
    take_usage(run, &usage);
    end_rest(run);
    run->average = run->wall > 0 ? whole(area / run->wall) : 0;
    if (looks < LOOKS_MIN ||
        run->average > run->peak) /* the kernel's counts per processor may be a few pages apart */
        run->average = run->peak;
}

/* --- what the run wrote --- */

static uint64_t field(const char *account, const char *name)
{
    const char *found = strstr(account, name);
    return found != NULL ? strtoull(found + strlen(name), NULL, 10) : 0;
}

static void read_accounts(FILE *from, run_t *run)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, from) > 0) {
        uint64_t stop = field(line, "\"pause_max_ns\": ");
        run->accounts++;
        add_to(&run->cycles, field(line, "\"num_gc\": "));
        add_to(&run->released, field(line, "\"os_released_bytes\": "));
        run->stop_ns = most(run->stop_ns, stop);
    }
    free(line);
}

static void read_last_words(int fd, run_t *run)
{
    char end[sizeof run->last_words * 2];
    off_t size = lseek(fd, 0, SEEK_END), from = size - (off_t)sizeof end + 1;
    ssize_t length = pread(fd, end, sizeof end - 1, from > 0 ? from : 0);
    while (length > 0 && (end[length - 1] == '\n' || end[length - 1] == '\r'))
        length--;
    end[length > 0 ? length : 0] = '\0';
    const char *line = strrchr(end, '\n');
    line = line != NULL ? line + 1 : end;
    size_t shown = strnlen(line, sizeof run->last_words - 1);
    memcpy(run->last_words, line, shown); /* the rest is zero */
    for (char *c = run->last_words; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

static int temporary(char *path, size_t size, const char *purpose)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/weir-%s.XXXXXX", folder != NULL && *folder == '/' ? folder : "/tmp", purpose);
    return mkostemp(path, O_CLOEXEC);
}

bool measure_run(const sweep_measure_t *measure, const setting_t *setting, run_t *run)
{
    char accounts[4096], words_path[4096];
    memset(run, 0, sizeof *run);
    int account = temporary(accounts, sizeof accounts, "accounts"),
        words = temporary(words_path, sizeof words_path, "words");
    FILE *from = account >= 0 ? fdopen(account, "r") : NULL;
    if (words >= 0)
        unlink(words_path);
    bool ready = from != NULL && words >= 0;
    if (!ready)
        fprintf(stderr, "weir %s: %s: %s\n", measure->command->name, words < 0 ? words_path : accounts,
                strerror(errno));
    double began = now();
    pid_t child = ready ? start(measure, setting, run, words, accounts) : 0;
    if (child > 0) {
        running = child;
        if (interrupted != 0)
            kill(child, interrupted);
        wait_for(measure, child, began, run);
        read_accounts(from, run);
    }
    if (words >= 0) {
        read_last_words(words, run);
        close(words);
    }
    if (from != NULL) {
        unlink(accounts);
        fclose(from);
    }
    if (ready && run->error == ECANCELED)
        fprintf(stderr, "%s\n", run->last_words);
    return ready && run->error != ECANCELED;
}

bool run_is_good(const run_t *run)
{
    return run->error == 0 && WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0;
}
