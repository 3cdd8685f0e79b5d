/* A program that waits for children of all kinds while another of its threads makes garbage sees only its own
 * children: when it has none, while one lives, and when one has ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"

enum { TIMES = 20000 };
static volatile int over;

static void *make_garbage(void *unused)
{
    while (!over)
        hide(memset(malloc(1000), 0xee, 1000));
    return unused;
}

/* The child, 0: none has news, or -errno. */
static long by_waitpid(int how)
{
    int status;
    pid_t child = waitpid(-1, &status, how);
    return child < 0 ? -errno : child;
}

static long by_wait4(int how)
{
    pid_t child = wait4(-1, NULL, how, NULL);
    return child < 0 ? -errno : child;
}

static long by_waitid(int how)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, how | WEXITED) < 0 ? -errno : info.si_pid;
}

static long by_looking(int how)
{
    return by_waitid(how | WNOWAIT);
}

static long (*const calls[])(int how) = {by_waitpid, by_wait4, by_waitid, by_looking};
enum { CALLS = sizeof calls / sizeof *calls };

static void see_nobody(void)
{
    static const int kinds[] = {__WALL, __WCLONE, __WALL | WNOHANG, __WCLONE | WNOHANG};
    for (int i = 0; i < TIMES; i++)
        CHECK(calls[i % CALLS](kinds[i / CALLS % 4]) == -ECHILD);
}

static void see_own_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        for (;;)
            pause();
    for (int i = 0; i < TIMES / 10; i++)
        CHECK(calls[i % CALLS](__WALL | WNOHANG) == 0);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(by_looking(__WALL) == child);
    CHECK(by_waitpid(__WALL) == child);
}

int main(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, make_garbage, NULL) == 0);
    see_nobody();
    for (int i = 0; i < 10; i++)
        see_own_child();
    over = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
