/* A program that uses a signal itself which may stop its threads: urgent WAY SIGNAL. A thread makes garbage
 * meanwhile. Each signal that the program sends to itself has to arrive once, the way that it waits, with what
 * was sent along; and none that it did not send.
 *
 *     signalfd, signalfd-thread, signalfd-late   blocks the signal and reads it: in the first thread, in
 *                                                another one, after it blocked all signals
 *     sigwait, sigwaitinfo, sigtimedwait, syscall   blocks the signal and waits for it; by syscall()
 *     sigwait-all, sigwaitinfo-all               blocks all signals, in all threads, and waits for all
 *     sigwait-late                               blocks all, in all threads, and waits for the signal
 *     sigsuspend, pselect, ppoll, epoll_pwait    blocks the signal, but not in the call; a handler counts
 *     pending                                    blocks it, finds it pending, and unblocks it
 *     handler                                    has a handler
 *     mask                                       what it blocks is what it reads, and restores, later
 *     socket                                     is told by a descriptor that has something to be read
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "check.h"

enum { ROUNDS = 100 };

static const char *way;
static int number; /* the signal */
static sigset_t one, all, none;
static atomic_bool over;
static atomic_int made, heard;

#define WAY(name) (strcmp(way, name) == 0)

static void *make_garbage(void *argument)
{
    while (!over) {
        memset(hide(malloc(1000)), 0xee, 1000);
        made++;
    }
    return argument;
}

static pthread_t start(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, function, argument) == 0);
    return thread;
}

/* Until a collection may have been there. */
static void await_garbage(void)
{
    for (int until = made + 1000; made < until;)
        usleep(100);
}

/* --- sending --- */

static bool waits_late(void)
{
    return WAY("signalfd-late") || WAY("sigwait-late");
}

static bool waits_for_all(void)
{
    return WAY("sigwait-all") || WAY("sigwaitinfo-all");
}

static bool is_queued(int round)
{
    return round % 3 == 2;
}

static void send_one(int round, pthread_t to)
{
    if (round % 3 == 0)
        CHECK(kill(getpid(), number) == 0);
    else if (is_queued(round))
        CHECK(sigqueue(getpid(), number, (union sigval){.sival_int = round}) == 0);
    else
        CHECK((waits_for_all() ? kill(getpid(), number) : pthread_kill(to, number)) == 0);
}

static void judge(int round, int signal, int sender, int value)
{
    CHECK(signal == number);
    CHECK(sender == getpid());
    CHECK(!is_queued(round) || value == round);
}

/* --- waiting --- */

static int file;

static void receive_by_fd(int round)
{
    struct signalfd_siginfo info;
    ssize_t size;
    while ((size = read(file, &info, sizeof info)) < 0 && errno == EINTR)
        ;
    CHECK(size == sizeof info);
    judge(round, (int)info.ssi_signo, (int)info.ssi_pid, info.ssi_int);
}

static void receive_by_call(int round)
{
    const sigset_t *set = waits_for_all() ? &all : &one;
    siginfo_t info;
    struct timespec long_enough = {HANG, 0};
    int signal;
    if (WAY("sigwait") || WAY("sigwait-all") || WAY("sigwait-late")) {
        CHECK(sigwait(set, &signal) == 0 && signal == number);
        return;
    }
    do {
        if (WAY("sigtimedwait"))
            signal = sigtimedwait(set, &info, &long_enough);
        else if (WAY("syscall"))
            signal = (int)syscall(SYS_rt_sigtimedwait, set, &info, NULL, 8);
        else
            signal = sigwaitinfo(set, &info);
    } while (signal < 0 && errno == EINTR);
    judge(round, signal, info.si_pid, info.si_value.sival_int);
}

static atomic_int received;

static void *receive(void *argument)
{
    for (int round = 0; round < ROUNDS; round++) {
        if (file)
            receive_by_fd(round);
        else
            receive_by_call(round);
        received++;
    }
    return argument;
}

static bool is_pending_in_file(void)
{
    return poll(&(struct pollfd){.fd = file, .events = POLLIN}, 1, 0) == 1;
}

/* The receiver is the first thread, which sends before it waits, or another one, which waits before. */
static void wait_for_each(bool by_file)
{
    bool has_receiver = WAY("signalfd-thread") || waits_late() || waits_for_all();
    sigset_t pending;
    pthread_sigmask(SIG_BLOCK, waits_late() || waits_for_all() ? &all : &one, NULL);
    pthread_t maker = start(make_garbage, NULL), receiver = pthread_self();
    await_garbage();
    if (by_file)
        CHECK((file = signalfd(-1, &one, 0)) > 0);
    if (has_receiver)
        receiver = start(receive, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        await_garbage();
        send_one(round, receiver);
        if (!has_receiver && by_file)
            receive_by_fd(round);
        else if (!has_receiver)
            receive_by_call(round);
        while (has_receiver && received <= round)
            usleep(100);
    }
    await_garbage();
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, number));
    CHECK(!by_file || !is_pending_in_file());
    over = true;
    pthread_join(maker, NULL);
    if (has_receiver)
        pthread_join(receiver, NULL);
}

/* --- masks for the time of a call --- */

static void hear(int signal, siginfo_t *info, void *context)
{
    CHECK(signal == number && info->si_pid == getpid() && context);
    heard++;
}

static void call_with(const sigset_t *mask)
{
    static struct epoll_event event;
    static int epoll;
    struct timespec long_enough = {HANG, 0};
    int result;
    if (WAY("sigsuspend"))
        result = sigsuspend(mask);
    else if (WAY("pselect"))
        result = pselect(0, NULL, NULL, NULL, &long_enough, mask);
    else if (WAY("ppoll"))
        result = ppoll(NULL, 0, &long_enough, mask);
    else
        result = epoll_pwait(epoll ? epoll : (epoll = epoll_create1(0)), &event, 1, HANG * 1000, mask);
    CHECK(result == -1 && errno == EINTR);
}

static void hear_in_calls(void)
{
    pthread_t maker;
    CHECK(sigaction(number, &(struct sigaction){.sa_sigaction = hear, .sa_flags = SA_SIGINFO}, NULL) == 0);
    maker = start(make_garbage, NULL);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    pthread_kill(maker, 0);
    for (int round = 0; round < ROUNDS; round++) {
        await_garbage();
        pthread_kill(pthread_self(), number);
        await_garbage();
        CHECK(heard == round);
        while (heard == round)
            call_with(&none);
        CHECK(heard == round + 1);
    }
    over = true;
    pthread_join(maker, NULL);
}

/* --- the rest --- */

static void find_pending(void)
{
    sigset_t pending;
    CHECK(sigaction(number, &(struct sigaction){.sa_sigaction = hear, .sa_flags = SA_SIGINFO}, NULL) == 0);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    pthread_t maker = start(make_garbage, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        await_garbage();
        CHECK(sigpending(&pending) == 0 && !sigismember(&pending, number));
        send_one(round, pthread_self());
        await_garbage();
        CHECK(sigpending(&pending) == 0 && sigismember(&pending, number));
        CHECK(heard == round);
        pthread_sigmask(SIG_UNBLOCK, &one, NULL);
        CHECK(heard == round + 1);
        pthread_sigmask(SIG_BLOCK, &one, NULL);
    }
    over = true;
    pthread_join(maker, NULL);
}

static void hear_each(void)
{
    CHECK(sigaction(number, &(struct sigaction){.sa_sigaction = hear, .sa_flags = SA_SIGINFO}, NULL) == 0);
    pthread_t maker = start(make_garbage, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        await_garbage();
        send_one(round, maker);
        while (heard == round)
            usleep(100);
        CHECK(heard == round + 1);
    }
    over = true;
    pthread_join(maker, NULL);
}

static bool blocks(int signal)
{
    sigset_t mask;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    return sigismember(&mask, signal);
}

static void read_masks(void)
{
    int other = number == SIGURG ? SIGWINCH : SIGURG;
    sigset_t before, other_one;
    sigemptyset(&other_one);
    sigaddset(&other_one, other);
    pthread_t maker = start(make_garbage, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        await_garbage();
        CHECK(!blocks(number) && !blocks(other));
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        CHECK(blocks(number) && blocks(other));
        await_garbage();
        pthread_sigmask(SIG_UNBLOCK, &other_one, &before);
        CHECK(blocks(number) && !blocks(other) && blocks(SIGUSR1));
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        CHECK(blocks(number) && blocks(other));
        pthread_sigmask(SIG_SETMASK, &one, NULL);
        CHECK(blocks(number) && !blocks(other) && !blocks(SIGUSR1));
        pthread_sigmask(SIG_BLOCK, &other_one, NULL);
        CHECK(blocks(number) && blocks(other) && !blocks(SIGUSR1));
        pthread_sigmask(SIG_SETMASK, &none, NULL);
    }
    over = true;
    pthread_join(maker, NULL);
}

static void be_told(void)
{
    int pair[2];
    char byte = 'x';
    siginfo_t info;
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(fcntl(pair[0], F_SETOWN, getpid()) == 0 && fcntl(pair[0], F_SETSIG, number) == 0);
    CHECK(fcntl(pair[0], F_SETFL, O_ASYNC) == 0);
    pthread_t maker = start(make_garbage, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int signal;
        await_garbage();
        CHECK(write(pair[1], &byte, 1) == 1);
        while ((signal = sigwaitinfo(&one, &info)) < 0 && errno == EINTR)
            ;
        CHECK(signal == number && info.si_fd == pair[0] && info.si_band & POLLIN);
        CHECK(read(pair[0], &byte, 1) == 1);
    }
    over = true;
    pthread_join(maker, NULL);
}

int main(int arguments, char **argument)
{
    CHECK(arguments > 2);
    way = argument[1];
    number = atoi(argument[2]);
    sigemptyset(&none);
    sigemptyset(&one);
    sigaddset(&one, number);
    sigfillset(&all);
    alarm(HANG);
    if (WAY("sigsuspend") || WAY("pselect") || WAY("ppoll") || WAY("epoll_pwait"))
        hear_in_calls();
    else if (WAY("pending"))
        find_pending();
    else if (WAY("handler"))
        hear_each();
    else if (WAY("mask"))
        read_masks();
    else if (WAY("socket"))
        be_told();
    else
        wait_for_each(strncmp(way, "signalfd", 8) == 0);
    _exit(0);
}
