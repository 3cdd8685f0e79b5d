/* Threads that wait with a timeout while garbage is collected, in long stops. After a stop the kernel begins
 * select, pselect and ppoll again with the time that was left when the thread was stopped; for poll it keeps
 * the time at which the call has to end. The stops may make none of these calls return later than poll.
 *
 * A thread may also be late because others have the processors. So a call counts as late only if it is late
 * in each of several rounds. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

#include "check.h"

enum { WAIT_MS = 1500, NODES = 1000 * 1000 };
static const struct timespec waits = {WAIT_MS / 1000, WAIT_MS % 1000 * 1000000};

static void w_poll(void)
{
    CHECK(poll(NULL, 0, WAIT_MS) == 0);
}

static void w_select(void)
{
    struct timeval time = {WAIT_MS / 1000, WAIT_MS % 1000 * 1000};
    CHECK(select(0, NULL, NULL, NULL, &time) == 0);
}

/* glibc's select is pselect6. */
static void w_old_select(void)
{
#ifdef SYS_select
    struct timeval time = {WAIT_MS / 1000, WAIT_MS % 1000 * 1000};
    CHECK(syscall(SYS_select, 0, NULL, NULL, NULL, &time) == 0);
#endif
}

static void w_pselect(void)
{
    CHECK(pselect(0, NULL, NULL, NULL, &waits, NULL) == 0);
}

static void w_ppoll(void)
{
    CHECK(ppoll(NULL, 0, &waits, NULL) == 0);
}

static void w_epoll(void)
{
    struct epoll_event event;
    CHECK(epoll_wait(epoll_create1(EPOLL_CLOEXEC), &event, 1, WAIT_MS) == 0);
}

typedef struct wait_case {
    const char *name;
    void (*wait)(void);
    double took; /* seconds, measured by its thread */
    bool was_in_time;
} wait_case_t;

static wait_case_t cases[] = {
    {.name = "poll", .wait = w_poll},       {.name = "select", .wait = w_select},
    {.name = "pselect", .wait = w_pselect}, {.name = "the call select", .wait = w_old_select},
    {.name = "ppoll", .wait = w_ppoll},     {.name = "epoll_wait", .wait = w_epoll},
};
enum { CASES = sizeof cases / sizeof *cases };

static atomic_int finished;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *run(void *argument)
{
    wait_case_t *one = argument;
    double began = now();
    one->wait();
    one->took = now() - began;
    finished++;
    return NULL;
}

typedef struct node {
    struct node *next;
    long value[6];
} node_t;
static node_t *list;

/* Was each call in time, now or in an earlier round? A call that ends too early fails at once. */
static bool judge(bool is_last)
{
    bool all = true;
    for (int i = 0; i < CASES; i++) {
        char line[200];
        bool is_there = cases[i].wait != w_old_select || cases[i].took > 0.001;
        snprintf(line, sizeof line, "%s: %.3f s; poll: %.3f s\n", cases[i].name, cases[i].took,
                 cases[0].took);
        if (getenv("WAITS_SAYS"))
            fputs(line, stderr);
        cases[i].was_in_time |= !is_there || cases[i].took <= 1.5 * cases[0].took;
        if ((is_there && cases[i].took < WAIT_MS / 1e3) || (is_last && !cases[i].was_in_time))
            check_failed(line);
        all &= cases[i].was_in_time;
    }
    return all;
}

static bool round_of_waits(bool is_last)
{
    pthread_t threads[CASES];
    finished = 0;
    for (int i = 0; i < CASES; i++)
        CHECK(pthread_create(&threads[i], NULL, run, &cases[i]) == 0);
    while (finished < CASES)
        memset(hide(malloc(100000)), 0xee, 100000);
    for (int i = 0; i < CASES; i++)
        pthread_join(threads[i], NULL);
    return judge(is_last);
}

int main(void)
{
    enum { ROUNDS = 4 };
    for (int i = 0; i < NODES; i++) {
        node_t *node = malloc(sizeof *node);
        node->next = list;
        list = node;
    }
    for (int left = ROUNDS - 1; !round_of_waits(left == 0); left--)
        ;
    return 0;
}
