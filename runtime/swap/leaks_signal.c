/* leaks_signal: see leaks_signal.h. */
#include "runtime/swap/leaks_signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "runtime/heap/world.h"
#include "runtime/os/futex.h"
#include "runtime/os/options.h"
#include "runtime/os/text.h"
#include "runtime/swap/leaks_print.h"

static struct {
    pid_t process;          /* the thread is in; 0: there is none */
    _Atomic uint32_t asked; /* how often; the thread sleeps on it */
    _Atomic uint32_t busy;  /* 1: a report is under way, or the process is ending */
} signalled;

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    atomic_fetch_add(&signalled.asked, 1);
    os_futex_wake(&signalled.asked);
    errno = saved;
}

/* Several signals before it comes to it are one. */
static void *thread_main(void *unused)
{
    uint32_t seen = 0;
    for (;;) {
        world_block_begin();
        while (atomic_load(&signalled.asked) == seen)
            os_futex_wait(&signalled.asked, seen);
        world_block_end();
        seen = atomic_load(&signalled.asked);
        if (atomic_exchange(&signalled.busy, 1) != 0)
            return unused;
        leaks_print_now();
        atomic_store(&signalled.busy, 0);
        os_futex_wake(&signalled.busy);
    }
}

static bool start_thread(void)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&thread, NULL, thread_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

void leaks_signal_prepare(void)
{
    if (options.leaksignal == 0)
        return;
    int number = options.leaksignal < NSIG ? (int)options.leaksignal : 0;
    struct sigaction has;
    if (number == 0 || sigaction(number, NULL, &has) != 0 || has.sa_handler != SIG_DFL || !start_thread() ||
        sigaction(number, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL) != 0) {
        text_say("weir: WEIR_DEBUG=leaksignal: the signal cannot be had; there is a report at exit only\n");
        return;
    }
    signalled.process = getpid();
}

/* The thread does not come back from its next turn. */
void leaks_signal_end(void)
{
    if (signalled.process != getpid())
        return;
    while (atomic_exchange(&signalled.busy, 1) != 0)
        os_futex_wait(&signalled.busy, 1);
}
