// launch FD PROGRAM [ARGUMENT…]: runs a program and writes what it cost to file descriptor FD, as one line
//
//     SECONDS PEAK-RSS-KIB EXIT-CODE SIGNAL CPU-SECONDS
//
// The runner does not wait for it itself, because the kernel's ru_maxrss of a process starts with the resident
// size of the process that forked it, kept over exec. A Python parent would give every small program a floor
// of 10 MiB; this one, linked statically, gives a floor far below that of any dynamically linked program.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_CANNOT_RUN = 127 };

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        dprintf(STDERR_FILENO, "usage: launch FD PROGRAM [ARGUMENT…]\n");
        return 2;
    }
    int report = atoi(argv[1]);
    double start = now_seconds();
    pid_t child = vfork();
    if (child < 0) {
        dprintf(STDERR_FILENO, "launch: fork: %s\n", strerror(errno));
        return EXIT_CANNOT_RUN;
    }
    if (child == 0) {
        close(report);
        execvp(argv[2], argv + 2);
        _exit(EXIT_CANNOT_RUN);
    }
    int status;
    struct rusage usage;
    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return EXIT_CANNOT_RUN;
    double seconds = now_seconds() - start;
    dprintf(report, "%.6f %ld %d %d %.6f\n", seconds, usage.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    return 0;
}
