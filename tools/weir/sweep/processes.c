/* processes: see processes.h. */
#include "tools/weir/sweep/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/saturate.h"

static bool read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

static uint64_t resident(pid_t process)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)process);
    const char *second = read_file(path, text, sizeof text) ? strchr(text, ' ') : NULL;
    return second != NULL ? multiply(strtoull(second, NULL, 10), (uint64_t)sysconf(_SC_PAGESIZE)) : 0;
}

/* Call the function for every process below this one, the nearer first. Each thread has children of its
 * own. */
static void each_below(pid_t process, void (*visit)(pid_t process, void *context), void *context)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = opendir(path);
    if (threads == NULL)
        return;
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
        long number = strtol(thread->d_name, NULL, 10);
        snprintf(path, sizeof path, "/proc/%d/task/%ld/children", (int)process, number);
        if (number <= 0 || !read_file(path, text, sizeof text))
            continue;
        char *place = text;
        for (long child; (child = strtol(place, &place, 10)) > 0;) {
            visit((pid_t)child, context);
            each_below((pid_t)child, visit, context);
        }
    }
    closedir(threads);
}

static void keep_largest(pid_t process, void *context)
{
    uint64_t *largest = context, bytes = resident(process);
    *largest = bytes > *largest ? bytes : *largest;
}

uint64_t processes_largest(pid_t process)
{
    uint64_t largest = 0;
    keep_largest(process, &largest);
    each_below(process, keep_largest, &largest);
    return largest;
}

struct signalling {
    int number;
    unsigned count;
};

static void signal_one(pid_t process, void *context)
{
    struct signalling *signalling = context;
    if (kill(process, signalling->number) == 0)
        signalling->count++;
}

unsigned processes_signal_all(pid_t process, int number)
{
    struct signalling signalling = {.number = number};
    each_below(process, signal_one, &signalling);
    return signalling.count;
}
