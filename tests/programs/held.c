/* A child that shares the process's memory takes its time to become another program, in the kernel: held
 * CALL, of popen, system, wordexp, posix_spawn. Another thread makes garbage meanwhile, which a malloc that
 * collects does in little memory. A filter of system calls has the kernel ask before each exec. */
#define _GNU_SOURCE 1
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <wordexp.h>

#include "check.h"

enum { GARBAGE_MIB = 300 /* during each exec */, MOST_KIB = 40000 };

extern char **environ;
static atomic_bool over;

/* The descriptor on which the kernel asks from now on; -1: this kernel cannot ask. */
static int watch_execs(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void make_garbage(void)
{
    for (int i = 0; i < GARBAGE_MIB * 1024; i++)
        memset(hide(malloc(1000)), 0xee, 1000);
    sleep_ms(300);
    for (int i = 0; i < GARBAGE_MIB * 1024; i++)
        memset(hide(malloc(1000)), 0xee, 1000);
}

static void *let_execs_wait(void *listener)
{
    int fd = (int)(intptr_t)listener;
    while (!over) {
        struct seccomp_notif asked = {0};
        if (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 10) != 1 ||
            ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0)
            continue;
        make_garbage();
        struct seccomp_notif_resp goes_on = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &goes_on);
    }
    return NULL;
}

static void make_child(const char *call)
{
    char line[100], *arguments[] = {"true", NULL};
    int status;
    if (strcmp(call, "popen") == 0) {
        FILE *stream = popen("echo 42", "r");
        CHECK(stream && fgets(line, sizeof line, stream) && atoi(line) == 42 && pclose(stream) == 0);
    } else if (strcmp(call, "system") == 0) {
        CHECK(system("exit 3") == 3 << 8);
    } else if (strcmp(call, "wordexp") == 0) {
        wordexp_t words;
        CHECK(wordexp("a $(echo b c)", &words, 0) == 0 && words.we_wordc == 3);
        CHECK(strcmp(words.we_wordv[2], "c") == 0);
        wordfree(&words);
    } else {
        pid_t child;
        CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0);
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    int listener = watch_execs();
    if (listener < 0)
        return 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, let_execs_wait, (void *)(intptr_t)listener) == 0);
    make_child(arguments[1]);
    over = true;
    pthread_join(thread, NULL);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    CHECK(usage.ru_maxrss < MOST_KIB);
    return 0;
}
