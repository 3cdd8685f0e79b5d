/* What a parent hears of a child that makes garbage in three threads: nothing of the collections, and of each
 * SIGSTOP and SIGCONT exactly once, when it happens. A stopped child stands still, even if the collector
 * stops its threads too. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "check.h"

static volatile long *made; /* blocks, by the child */
static volatile int heard;  /* signals of a stop */

static void *make_garbage(void *unused)
{
    for (;;) {
        char *block = memset(malloc(1000), 1, 1000);
        __asm__ volatile("" : : "r"(block) : "memory");
        ++*made;
    }
    return unused;
}

static void on_change(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    heard += info->si_code != CLD_CONTINUED;
}

static pid_t start(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&thread, NULL, make_garbage, NULL) == 0);
        make_garbage(NULL);
    }
    return child;
}

static void wait_for_garbage(long count)
{
    for (long until = *made + count; *made < until;)
        usleep(1000);
}

static int change_of(pid_t child, int which)
{
    int status;
    pid_t changed;
    while ((changed = waitpid(child, &status, which)) < 0 && errno == EINTR)
        ;
    CHECK(changed == child);
    return status;
}

static void hear_nothing(pid_t child)
{
    for (int i = 0; i < 300; i++) {
        int status;
        siginfo_t info = {0};
        wait_for_garbage(100);
        CHECK(waitpid(child, &status, WUNTRACED | WCONTINUED | WNOHANG) == 0);
        CHECK(waitid(P_PID, (id_t)child, &info, WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) == 0);
        CHECK(info.si_pid == 0);
    }
    CHECK(heard == 0);
}

static void stop_and_go_on(pid_t child, int round)
{
    int status;
    usleep((useconds_t)(round % 7 * 1000));
    CHECK(kill(child, SIGSTOP) == 0);
    status = change_of(child, WUNTRACED);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    long before = *made;
    usleep(5000);
    CHECK(*made == before);
    CHECK(waitpid(child, &status, WUNTRACED | WNOHANG) == 0);
    CHECK(kill(child, SIGCONT) == 0);
    status = change_of(child, WCONTINUED);
    CHECK(WIFCONTINUED(status));
    wait_for_garbage(1);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_change, .sa_flags = SA_SIGINFO | SA_RESTART};
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(made != MAP_FAILED);
    pid_t child = start();
    hear_nothing(child);
    for (int round = 0; round < 100; round++)
        stop_and_go_on(child, round);
    CHECK(kill(child, SIGKILL) == 0);
    int status = change_of(child, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return 0;
}
