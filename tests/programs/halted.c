/* What a program may do that hinders the collector in stopping its threads: halted MODE. It makes garbage
 * meanwhile, and prints the most memory that it had, in KiB: little if all goes well.
 *
 *     default, ignore, own   sets every signal to its default, to be ignored, to a handler of its own, as
 *                            daemons do
 *     chain                  puts a handler before the one that SIGURG had, twice, and sends itself the signal
 *     queue                  leaves no room in the queue of signals
 *     exec N                 N children with threads become other programs while a thread of theirs makes
 *                            garbage
 *     small                  a thread runs on a stack of 2 KiB, and has an alternate one for signals
 *     blocks CALL            a thread waits in the call (ppoll, pselect, sigsuspend, epoll_pwait) with every
 *                            signal blocked, in a handler that blocks every one (handler), or was started so
 *                            (attribute)
 *     signals                threads get signals all the time, each of which has to arrive
 *     stops                  the process is stopped and continued by SIGSTOP and SIGCONT
 *     vfork, spawn           a child of vfork takes half a second to become another program; many children by
 *                            posix_spawn
 *     vfork-malloc           a child of vfork allocates
 *     clone, clone-malloc    the same with clone, on a stack of the child's own
 *     many N                 N threads
 *     forks                  threads fork, and the children make garbage
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "check.h"

static atomic_bool over, ready;

__attribute__((noinline)) static void make_garbage(int megabytes)
{
    for (int i = 0; i < megabytes * 1024; i++)
        memset(hide(malloc(1000)), 0xee, 1000);
}

static atomic_int making;

/* What it keeps must be as it was. */
static void *make_garbage_until_over(void *argument)
{
    enum { KEPT = 100, SIZE = 500 };
    unsigned char *kept[KEPT];
    for (int i = 0; i < KEPT; i++)
        memset(kept[i] = malloc(SIZE), i, SIZE);
    making++;
    while (!over)
        memset(hide(malloc(1000)), 0xee, 1000);
    for (int i = 0; i < KEPT; i++)
        for (int k = 0; k < SIZE; k++)
            CHECK(kept[i][k] == i);
    return argument;
}

static void *idle(void *argument)
{
    while (!over)
        usleep(1000);
    return argument;
}

static pthread_t start(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, function, argument) == 0);
    return thread;
}

/* --- signals --- */

static void own(int number)
{
    (void)number;
    CHECK(!"a signal that nobody has sent");
}

static void reset_signals(void (*to)(int))
{
    make_garbage(50);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            signal(number, to);
    start(idle, NULL);
    make_garbage(50);
}

static struct sigaction earlier;
static atomic_int heard[3];

static void hear_first(int number)
{
    CHECK(number == SIGURG);
    heard[0]++;
}

static void hear_second(int number)
{
    heard[1]++;
    earlier.sa_handler(number);
}

static void hear_third(int number, siginfo_t *info, void *context)
{
    CHECK(info->si_pid == getpid() && context);
    heard[2]++;
    hear_second(number);
}

/* As a library does that wants to see a signal beside its program: it calls the handler before its own. */
static void chain_handlers(void)
{
    struct sigaction action = {.sa_sigaction = hear_third, .sa_flags = SA_SIGINFO}, old;
    start(idle, NULL);
    make_garbage(50);
    CHECK(sigaction(SIGURG, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
    CHECK(signal(SIGURG, hear_first) == SIG_DFL);
    make_garbage(50);
    CHECK(sigaction(SIGURG, &(struct sigaction){.sa_handler = hear_second}, &earlier) == 0);
    CHECK(earlier.sa_handler == hear_first && (earlier.sa_flags & SA_SIGINFO) == 0);
    make_garbage(50);
    CHECK(sigaction(SIGURG, &action, &old) == 0 && old.sa_handler == hear_second);
    make_garbage(50);
    CHECK(sigaction(SIGURG, NULL, &old) == 0 && old.sa_sigaction == hear_third);
    raise(SIGURG);
    CHECK(heard[0] == 1 && heard[1] == 1 && heard[2] == 1);
}

static void fill_queue(void)
{
    setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){0, 0});
    start(idle, NULL);
    usleep(1000);
    make_garbage(50);
}

static void become_others(int count)
{
    for (int i = 0; i < count; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            start(make_garbage_until_over, NULL);
            start(make_garbage_until_over, NULL);
            usleep((useconds_t)(3000 + i * 137 % 2000));
            unsetenv("LD_PRELOAD");
            execl("/bin/true", "true", (char *)NULL);
            _exit(9);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
}

/* --- stacks --- */

enum { AREA = 65536, SMALL = 2048 };
static ucontext_t back, small;
static char *area;

static void spin(void)
{
    ready = true;
    while (!over)
        ;
    swapcontext(&small, &back);
}

static void *run_on_small_stack(void *argument)
{
    sigaltstack(&(stack_t){.ss_sp = malloc(AREA), .ss_size = AREA}, NULL);
    getcontext(&small);
    small.uc_stack.ss_sp = area + AREA;
    small.uc_stack.ss_size = SMALL;
    makecontext(&small, spin, 0);
    swapcontext(&back, &small);
    return argument;
}

static void have_small_stack(void)
{
    area = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 0x5a, AREA);
    pthread_t thread = start(run_on_small_stack, NULL);
    while (!ready)
        ;
    make_garbage(50);
    over = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < AREA; i++)
        CHECK(area[i] == 0x5a);
}

/* --- masks --- */

static void nap(int number)
{
    (void)number;
    ready = true;
    while (!over)
        sleep_ms(1);
}

static void nothing(int number)
{
    (void)number;
}

static void *wait_with_mask(void *how)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGUSR2);
    struct timespec later = {60, 0};
    struct epoll_event event;
    ready = true;
#define HOW(name) (strcmp(how, name) == 0)
    if (HOW("ppoll"))
        ppoll(NULL, 0, &later, &all);
    else if (HOW("pselect"))
        pselect(0, NULL, NULL, NULL, &later, &all);
    else if (HOW("sigsuspend"))
        sigsuspend(&all);
    else if (HOW("epoll_pwait"))
        epoll_pwait(epoll_create1(0), &event, 1, 60000, &all);
    else
        nap(0);
    return NULL;
}

static void block_in(const char *how)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, usr2;
    sigfillset(&all);
    signal(SIGUSR2, nothing);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &usr2, NULL);
    pthread_attr_init(&attributes);
    if (HOW("attribute"))
        pthread_attr_setsigmask_np(&attributes, &all);
    CHECK(pthread_create(&thread, &attributes, wait_with_mask,
                         (void *)(HOW("handler") ? "attribute" : how)) == 0);
    while (!ready)
        usleep(1000);
    if (HOW("handler")) {
        struct sigaction action = {.sa_handler = nap};
        sigfillset(&action.sa_mask);
        sigaction(SIGUSR1, &action, NULL);
        ready = false;
        pthread_kill(thread, SIGUSR1);
        while (!ready)
            usleep(1000);
    }
    make_garbage(100);
    over = true;
    pthread_kill(thread, SIGUSR2);
    pthread_join(thread, NULL);
}

/* --- signals all the time --- */

static atomic_int arrived;

static void count(int number)
{
    (void)number;
    arrived++;
}

static void *wait_for_signals(void *argument)
{
    while (!over)
        poll(NULL, 0, 1000);
    return argument;
}

/* Real-time signals are queued: none may be lost. */
static void get_signals(void)
{
    enum { SIGNALS = 20000 };
    signal(SIGRTMIN + 5, count);
    pthread_t makes = start(make_garbage_until_over, NULL), waits = start(wait_for_signals, NULL);
    for (int sent = 0; sent < SIGNALS; sent++) {
        CHECK(pthread_kill(sent % 2 ? makes : waits, SIGRTMIN + 5) == 0);
        while (arrived < sent - 10)
            sched_yield();
    }
    while (arrived < SIGNALS)
        usleep(1000);
    over = true;
    pthread_join(makes, NULL);
    pthread_kill(waits, SIGRTMIN + 5);
    pthread_join(waits, NULL);
}

static void be_stopped(void)
{
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            kill(parent, SIGSTOP);
            usleep(200);
            kill(parent, SIGCONT);
            usleep(300);
        }
        _exit(0);
    }
    pthread_t thread = start(make_garbage_until_over, NULL);
    pid_t gone;
    while ((gone = waitpid(child, NULL, WNOHANG)) == 0)
        make_garbage(1);
    CHECK(gone == child);
    over = true;
    pthread_join(thread, NULL);
}

/* --- children --- */

extern char **environ;

static void spawn_many(void)
{
    char *arguments[] = {"true", NULL};
    for (int i = 0; i < 100; i++) {
        pid_t child;
        int status;
        CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0);
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    CHECK(system("exit 3") == 3 << 8);
}

static int be_child(void *allocates)
{
    if (allocates)
        make_garbage(10);
    else
        usleep(500000);
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
}

/* The other threads go on meanwhile, in little memory. */
static void have_child(bool allocates)
{
    volatile pid_t child = vfork();
    if (child == 0)
        be_child(allocates ? &child : NULL);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void with_garbage(void (*function)(void))
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = start(make_garbage_until_over, NULL);
    while (making < 2)
        usleep(1000);
    function();
    over = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void vfork_slowly(void)
{
    have_child(false);
}

static void vfork_allocating(void)
{
    for (int i = 0; i < 3; i++)
        have_child(true);
}

static void have_cloned_child(void *allocates)
{
    static _Alignas(16) char stack[64 * 1024];
    pid_t child = clone(be_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, allocates);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void clone_slowly(void)
{
    have_cloned_child(NULL);
}

static void clone_allocating(void)
{
    for (int i = 0; i < 3; i++)
        have_cloned_child(&ready);
}

static void have_many_threads(int number)
{
    for (int i = 0; i < number; i++)
        start(idle, NULL);
    make_garbage(50);
}

static void fork_often(void)
{
    for (int i = 0; i < 50; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            over = false;
            thread = start(idle, NULL);
            make_garbage(8);
            over = true;
            pthread_join(thread, NULL);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}

int main(int arguments, char **argument)
{
    const char *mode = arguments > 1 ? argument[1] : "", *more = arguments > 2 ? argument[2] : "";
#define MODE(name) (strcmp(mode, name) == 0)
    if (MODE("default"))
        reset_signals(SIG_DFL);
    else if (MODE("ignore"))
        reset_signals(SIG_IGN);
    else if (MODE("own"))
        reset_signals(own);
    else if (MODE("chain"))
        chain_handlers();
    else if (MODE("queue"))
        fill_queue();
    else if (MODE("exec"))
        become_others(atoi(more));
    else if (MODE("small"))
        have_small_stack();
    else if (MODE("blocks"))
        block_in(more);
    else if (MODE("signals"))
        get_signals();
    else if (MODE("stops"))
        be_stopped();
    else if (MODE("spawn"))
        with_garbage(spawn_many);
    else if (MODE("vfork"))
        with_garbage(vfork_slowly);
    else if (MODE("vfork-malloc"))
        with_garbage(vfork_allocating);
    else if (MODE("clone"))
        with_garbage(clone_slowly);
    else if (MODE("clone-malloc"))
        with_garbage(clone_allocating);
    else if (MODE("many"))
        have_many_threads(atoi(more));
    else if (MODE("forks"))
        with_garbage(fork_often);
    else
        CHECK(!"no such mode");
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    char line[32];
    ssize_t ignored =
        write(STDOUT_FILENO, line, (size_t)snprintf(line, sizeof line, "%ld\n", usage.ru_maxrss));
    (void)ignored;
    _exit(0);
}
