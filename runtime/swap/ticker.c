/* ticker: see ticker.h. */
#include "runtime/swap/ticker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "runtime/heap/control.h"
#include "runtime/heap/world.h"
#include "runtime/observe/stats_print.h"
#include "runtime/os/futex.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/os/text.h"

enum { TICK_NS = 100 * 1000 * 1000, STACK = 256 * 1024 /* callbacks of the program's run on it */ };
static const uint64_t second_ns = 1000 * 1000 * 1000;

static struct {
    pid_t process;          /* the thread is in; 0: there is none */
    _Atomic uint32_t asked; /* how often for an account; the thread sleeps on it */
    _Atomic uint32_t busy;  /* 1: a turn is under way, or the process is ending */
} ticker;

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    atomic_fetch_add(&ticker.asked, 1);
    os_futex_wake(&ticker.asked);
    errno = saved;
}

/* Sleep until the account is asked for, or the next turn is due. False: the latter. */
static bool wait_for_turn(uint32_t seen, uint64_t print_at)
{
    uint64_t now = os_now_ns(), pause = options.background ? TICK_NS : UINT64_MAX;
    uint64_t left = print_at > now ? print_at - now : 0;
    if (options.statsevery && left < pause)
        pause = left;
    world_block_begin();
    if (pause == UINT64_MAX)
        os_futex_wait(&ticker.asked, seen);
    else
        os_futex_wait_for(&ticker.asked, seen, pause);
    world_block_end();
    return atomic_load(&ticker.asked) != seen;
}

/* Several signals before it comes to it are one. */
static void *thread_main(void *unused)
{
    const uint64_t every = (uint64_t)options.statsevery * second_ns;
    uint64_t print_at = os_now_ns() + every;
    for (uint32_t seen = 0;;) {
        bool prints = wait_for_turn(seen, print_at);
        seen = atomic_load(&ticker.asked);
        if (atomic_exchange(&ticker.busy, 1) != 0)
            return unused;
        if (every && os_now_ns() >= print_at) {
            prints = true;
            print_at += every;
        }
        if (prints)
            stats_print_now();
        if (options.background)
            control_tick();
        atomic_store(&ticker.busy, 0);
        os_futex_wake(&ticker.busy);
    }
}

static bool start_thread(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, old;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&thread, &attributes, thread_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static bool have_signal(int64_t number)
{
    struct sigaction has;
    return number < NSIG && sigaction((int)number, NULL, &has) == 0 && has.sa_handler == SIG_DFL &&
           sigaction((int)number, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART},
                     NULL) == 0;
}

static void ticker_start(void)
{
    if (!start_thread()) {
        text_say("weir: WEIR_BACKGROUND, statsevery, statssignal: no thread can be had; they do nothing\n");
        return;
    }
    ticker.process = getpid();
    if (options.statssignal != 0 && !have_signal(options.statssignal))
        text_say("weir: WEIR_DEBUG=statssignal: the signal cannot be had\n");
}

void ticker_prepare(void)
{
    bool prints = (options.statsevery != 0 || options.statssignal != 0) && stats_print_is_asked();
    if (options.background || prints)
        ticker_start();
}

/* The thread does not come back from its next turn. */
void ticker_at_exit(void)
{
    if (ticker.process == 0 || ticker.process != getpid())
        return;
    while (atomic_exchange(&ticker.busy, 1) != 0)
        os_futex_wait(&ticker.busy, 1);
}
