/* helper: see helper.h. */
#include "runtime/threads/helper.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "runtime/os/mask.h"
#include "runtime/stop/signal.h"

/* Signals are the business of the program's own threads. */
void helper_block_signals(void)
{
    sigset_t blocked;
    sigfillset(&blocked);
    const int let_through[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, os_stop_signal()};
    for (size_t i = 0; i < sizeof let_through / sizeof *let_through; i++)
        sigdelset(&blocked, let_through[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

bool helper_start(void *(*main)(void *argument), void *argument)
{
    pthread_t thread;
    uint64_t signals = os_block_heard_signals(); /* until the thread has blocked them itself */
    os_unblock_stop_signal(); /* pthread_create may wait for a lock of a thread that is stopped */
    bool started = pthread_create(&thread, NULL, main, argument) == 0;
    os_restore_signals(signals);
    if (started)
        pthread_detach(thread);
    return started;
}
