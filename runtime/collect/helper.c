/* helper: see helper.h. */
#include "runtime/collect/helper.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "runtime/os/signal.h"

/* Signals are the business of the program's own threads. */
void helper_block_signals(sigset_t *old)
{
    sigset_t blocked;
    sigfillset(&blocked);
    const int let_through[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, os_stop_signal()};
    for (size_t i = 0; i < sizeof let_through / sizeof *let_through; i++)
        sigdelset(&blocked, let_through[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, old);
}

bool helper_start(void *(*main)(void *argument), void *argument)
{
    pthread_t thread;
    sigset_t old;
    helper_block_signals(&old);
    bool started = pthread_create(&thread, NULL, main, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}
