/* fork-in-handler CHILD THREADS FORKS: a timer's handler forks, over and over, whatever its thread is in the
 * middle of, while THREADS others allocate lists and check them. Under weir such a thread may be in a section
 * that a collection waits for, stand still for one, or run it, with helpers that mark.
 *
 *     CHILD   exit     the child ends
 *             exec     it becomes another program
 *             return   it comes back from the handler, goes on with what was interrupted, and ends: of a
 *                      process of one thread the child is a copy */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"

enum { THREADS_MAX = 8, LIST = 5000 };

static const char *child_does;
static int wanted;
static atomic_int forks;
static atomic_bool stop;
static _Atomic pid_t returned; /* the child that did */

typedef struct node {
    struct node *next;
    long number, rest[5];
} node_t;

static node_t *build(long count)
{
    node_t *list = NULL;
    for (long i = 0; i < count; i++) {
        node_t *node = malloc(sizeof *node);
        CHECK(node);
        node->number = i;
        node->next = list;
        list = node;
    }
    return list;
}

static void check_list(const node_t *list, long count)
{
    for (; list; list = list->next)
        CHECK(list->number == --count);
    CHECK(count == 0);
}

static void in_child(void)
{
    alarm(HANG);
    if (strcmp(child_does, "exec") == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    _exit(0);
}

/* The next one comes when this one is done: else a slow machine would do nothing else. */
static void arm(void)
{
    const struct itimerval once = {{0, 0}, {0, 500 + forks % 16 * 100}};
    setitimer(ITIMER_REAL, &once, NULL);
}

static void on_alarm(int number)
{
    int saved = errno, status;
    (void)number;
    if (returned)
        return;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0 && strcmp(child_does, "return") == 0) {
        alarm(HANG);
        returned = getpid();
        return;
    }
    if (child == 0)
        in_child();
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(status == 0);
    if (++forks < wanted)
        arm();
    errno = saved;
}

static void *work(void *unused)
{
    node_t *kept = build(10 * LIST);
    while (!stop)
        check_list(build(LIST), LIST);
    check_list(kept, 10 * LIST);
    return unused;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    child_does = argv[1];
    int threads = atoi(argv[2]);
    wanted = atoi(argv[3]);
    CHECK(threads <= THREADS_MAX);
    pthread_t thread[THREADS_MAX];
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&thread[i], NULL, work, NULL) == 0);
    node_t *kept = build(10 * LIST);
    arm();
    while (forks < wanted && !returned)
        check_list(build(LIST), LIST);
    if (returned) {
        check_list(build(10 * LIST), 10 * LIST);
        check_list(kept, 10 * LIST);
        _exit(0);
    }
    stop = true;
    for (int i = 0; i < threads; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    check_list(kept, 10 * LIST);
    return 0;
}
