/* turns: see turns.h. */
#include "runtime/service/turns.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/base/futex.h"
#include "runtime/os/uncounted.h"

bool turns_start(turns_t *turns, void *(*thread_main)(void *unused), size_t stack)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, old;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0)
        return false;
    if (stack > 0)
        pthread_attr_setstacksize(&attributes, stack);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&thread, &attributes, thread_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (started) {
        uncounted_began();
        turns->process = getpid();
    }
    return started;
}

void turns_ask(turns_t *turns)
{
    int saved = errno;
    atomic_fetch_add(&turns->asked, 1);
    os_futex_wake(&turns->asked);
    errno = saved;
}

bool turns_begin(turns_t *turns)
{
    return atomic_exchange(&turns->busy, 1) == 0;
}

void turns_end(turns_t *turns)
{
    atomic_store(&turns->busy, 0);
    os_futex_wake(&turns->busy);
}

bool turns_signal_is_free(int64_t number)
{
    struct sigaction has;
    return number < NSIG && sigaction((int)number, NULL, &has) == 0 && has.sa_handler == SIG_DFL;
}

bool turns_take_signal(int64_t number, void (*handler)(int number))
{
    return sigaction((int)number, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_RESTART}, NULL) ==
           0;
}

void turns_at_exit(turns_t *turns)
{
    if (turns->process == 0 || !filter_permits(FILTER_REPORT) || turns->process != getpid())
        return;
    while (!turns_begin(turns))
        os_futex_wait(&turns->busy, 1);
}
