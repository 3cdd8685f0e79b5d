/* helper: see helper.h. */
#include "runtime/threads/helper.h"

#include <pthread.h>

#include "runtime/os/mask.h"
#include "runtime/os/uncounted.h"
#include "runtime/stop/signal.h"

/* The program's signals are handled by the program's own threads. abort() unblocks SIGABRT by itself. */
void helper_block_signals(void)
{
    os_block_signals();
    os_unblock_stop_signal();
}

bool helper_start(void *(*main)(void *argument), void *argument)
{
    pthread_t thread;
    uint64_t signals = os_block_heard_signals(); /* until the thread has blocked them itself */
    os_unblock_stop_signal(); /* pthread_create may wait for a lock of a thread that is stopped */
    bool started = pthread_create(&thread, NULL, main, argument) == 0;
    os_restore_signals(signals);
    if (started) {
        uncounted_began();
        pthread_detach(thread);
    }
    return started;
}
