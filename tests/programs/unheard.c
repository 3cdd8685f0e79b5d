/* SIGCHLD is ignored, as it is by default: no call that waits is cut short by a child's end, though threads collect
 * meanwhile. Garbage is made by the `parent` of the children, or by `other` threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "check.h"

enum { CHILDREN = 300, WAITERS = 4 };

static _Atomic bool over;
static int semaphores, epoll;

static void *wait_in_semaphore(void *unused)
{
    struct sembuf take = {.sem_op = -1};
    const struct timespec most = {.tv_nsec = 20 * 1000 * 1000};
    while (!over)
        CHECK(semtimedop(semaphores, &take, 1, &most) == -1 && errno == EAGAIN);
    return unused;
}

static void *wait_in_epoll(void *unused)
{
    struct epoll_event event;
    while (!over)
        CHECK(epoll_wait(epoll, &event, 1, 20) == 0);
    return unused;
}

static void make_garbage(void)
{
    char *block = memset(malloc(1000), 0xee, 1000);
    __asm__ volatile("" : : "r"(block) : "memory");
}

static void *make_garbage_until_over(void *unused)
{
    while (!over)
        make_garbage();
    return unused;
}

static void have_child(bool is_parent_busy, int number)
{
    pid_t child = fork(), gone;
    CHECK(child >= 0);
    if (child == 0) {
        usleep((useconds_t)(1000 + number % 7 * 300));
        _exit(0);
    }
    while ((gone = waitpid(child, NULL, is_parent_busy ? WNOHANG : 0)) == 0)
        make_garbage();
    CHECK(gone == child);
}

int main(int argc, char **arguments)
{
    bool is_parent_busy = argc > 1 && strcmp(arguments[1], "parent") == 0;
    /* The first cycle makes threads. pthread_create blocks all signals for a moment; a child that ends then cuts a wait
     * of another thread short, as in any program. */
    for (int i = 0; i < 64 * 1000; i++)
        make_garbage();
    pthread_t waiters[WAITERS], other;
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    epoll = epoll_create1(0);
    CHECK(semaphores >= 0 && epoll >= 0);
    for (int i = 0; i < WAITERS; i++)
        CHECK(pthread_create(&waiters[i], NULL, i % 2 ? wait_in_epoll : wait_in_semaphore, NULL) == 0);
    if (!is_parent_busy)
        CHECK(pthread_create(&other, NULL, make_garbage_until_over, NULL) == 0);
    for (int i = 0; i < CHILDREN; i++)
        have_child(is_parent_busy, i);
    over = true;
    for (int i = 0; i < WAITERS; i++)
        pthread_join(waiters[i], NULL);
    if (!is_parent_busy)
        pthread_join(other, NULL);
    semctl(semaphores, 0, IPC_RMID);
    return 0;
}
