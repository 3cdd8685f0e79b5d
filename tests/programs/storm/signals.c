/* signals: a thousand a second, of all kinds, at the workers that take them and at the process; their
 * handlers change all the time: own stack or not, full mask or none, restarting calls or not, ignored. What
 * is queued (real-time signals) may not be lost. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <sys/time.h>
#include <time.h>

#include "tests/programs/storm/storm.h"

enum { QUEUED_FIRST = 1, QUEUED = 4 /* SIGRTMIN + 1 … + 4 carry a block */ };

static _Atomic uint64_t handled, queued_sent, queued_handled;
static block_t *carried[16]; /* what queued signals point to; the queue is in the kernel */
static const int plain[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGURG, SIGVTALRM, SIGIO};
enum { PLAIN = sizeof plain / sizeof *plain };

uint64_t signals_handled(void)
{
    return handled;
}

static void on_plain(int number)
{
    int before = errno;
    (void)number;
    handled++;
    errno = 77; /* the interrupted code may not see it */
    block_check(carried[handled % 16]);
    errno = before;
}

static void on_queued(int number, siginfo_t *info, void *context)
{
    int before = errno;
    (void)number, (void)context;
    block_check(info->si_value.sival_ptr);
    handled++;
    queued_handled++;
    errno = before;
}

static __thread sigjmp_buf jump;

static void on_jump(int number)
{
    (void)number;
    siglongjmp(jump, 1);
}

static void handle(int number, int flags, bool full, bool queued)
{
    struct sigaction action = {.sa_flags = flags};
    if (queued) {
        action.sa_sigaction = on_queued;
        action.sa_flags |= SA_SIGINFO;
    } else {
        action.sa_handler = on_plain;
    }
    if (full)
        sigfillset(&action.sa_mask);
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void handle_anyhow(uint64_t *random, int number, bool queued)
{
    static const int flags[] = {0, SA_RESTART, SA_ONSTACK, SA_RESTART | SA_ONSTACK, SA_RESTART | SA_NODEFER};
    handle(number, flags[below(random, 5)], below(random, 2), queued);
}

static void timer_set(int which, int us)
{
    struct itimerval t = {{0, us}, {0, us}};
    CHECK(setitimer(which, &t, NULL) == 0);
}

void signals_begin(void)
{
    uint64_t random = settings.seed + 3;
    for (int i = 0; i < 16; i++) {
        carried[i] = block_new(&random, 2000);
        carried[i]->next = NULL;
    }
    for (int i = 0; i < PLAIN; i++)
        handle(plain[i], SA_RESTART, false, false);
    for (int i = 0; i < QUEUED; i++)
        handle(SIGRTMIN + QUEUED_FIRST + i, SA_RESTART | SA_ONSTACK, i % 2, true);
    handle(SIGPROF, SA_RESTART, false, false);
    handle(SIGALRM, SA_RESTART | SA_ONSTACK, true, false);
    handle(SIGCHLD, SA_RESTART, false, false);
    CHECK(sigaction(SIGRTMIN + 7, &(struct sigaction){.sa_handler = on_jump}, NULL) == 0);
}

static bool are_handled(void)
{
    return queued_handled == queued_sent;
}

void signals_end(void)
{
    timer_set(ITIMER_PROF, 0);
    timer_set(ITIMER_REAL, 0);
    await(are_handled, "storm: not all signals that were queued have been handled\n");
    for (int i = 0; i < 16; i++)
        block_free(carried[i]);
}

void signals_reset(void)
{
    for (int i = 0; i < PLAIN; i++)
        signal(plain[i], SIG_DFL);
    for (int i = 0; i < QUEUED; i++)
        signal(SIGRTMIN + QUEUED_FIRST + i, SIG_DFL);
    signal(SIGPROF, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    alarm(HANG);
}

static void send_queued(uint64_t *random)
{
    int number = SIGRTMIN + QUEUED_FIRST + (int)below(random, QUEUED);
    union sigval value = {.sival_ptr = carried[below(random, 16)]};
    if (below(random, 2)) {
        queued_sent++;
        if (sigqueue(getpid(), number, value)) {
            CHECK(errno == EAGAIN); /* the queue is full */
            queued_sent--;
        }
    } else {
        queued_sent++;
        worker_kill(random, number, &value);
    }
}

/* worker_kill found nobody, and has sent nothing. */
void signals_not_queued(void)
{
    queued_sent--;
}

static void send_one(uint64_t *random)
{
    switch (below(random, 6)) {
    case 0:
        CHECK(kill(getpid(), plain[below(random, PLAIN)]) == 0);
        break;
    case 1:
    case 2:
        send_queued(random);
        break;
    default:
        worker_kill(random, plain[below(random, PLAIN)], NULL);
    }
}

static void change_handlers(uint64_t *random)
{
    DOING("sigaction");
    switch (below(random, 4)) {
    case 0:
        handle_anyhow(random, SIGRTMIN + QUEUED_FIRST + (int)below(random, QUEUED), true);
        break;
    case 1: {
        int number = plain[below(random, PLAIN)];
        CHECK(signal(number, SIG_IGN) != SIG_ERR);
        sleep_ms(1);
        handle_anyhow(random, number, false);
        break;
    }
    case 2: /* as daemons do with all; ignored by default */
        signal(SIGURG, SIG_DFL);
        signal(SIGWINCH, SIG_DFL);
        signal(SIGCHLD, SIG_DFL);
        break;
    default:
        handle_anyhow(random, plain[below(random, PLAIN)], false);
        handle_anyhow(random, SIGPROF, false);
        handle_anyhow(random, SIGALRM, false);
        handle_anyhow(random, SIGCHLD, false);
    }
}

static void jump_out_of_a_handler(void)
{
    block_t *volatile kept = NULL;
    uint64_t random = handled | 1;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 7);
    pthread_sigmask(SIG_UNBLOCK, &set, &before);
    if (sigsetjmp(jump, 1) == 0) {
        kept = block_new(&random, 3000);
        raise(SIGRTMIN + 7);
        CHECK(!"it returned");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    block_free(kept);
}

_Atomic bool signals_are_sent;

static void begin(worker_t *w)
{
    if (w->number)
        return;
    timer_set(ITIMER_PROF, 2000);
    timer_set(ITIMER_REAL, 3000);
}

static void step(worker_t *w)
{
    if (w->number) {
        change_handlers(&w->random);
        jump_out_of_a_handler();
        DOING("sleep");
        sleep_ms(1 + (unsigned)below(&w->random, 10));
        return;
    }
    for (int i = 0; i < 50; i++) {
        DOING("sending signals");
        send_one(&w->random);
        sleep_ms(1);
    }
}

static void end(worker_t *w)
{
    if (w->number == 0)
        signals_are_sent = false;
}

const actor_t actor_signals = {"signals", 2, 20, true, begin, step, end};
