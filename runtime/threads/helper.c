/* helper: see helper.h. */
#include "runtime/threads/helper.h"

#include <pthread.h>

#include "runtime/os/mask.h"
#include "runtime/os/uncounted.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/stop_by.h"

/* The program's signals are handled by the program's own threads. abort() unblocks SIGABRT by itself. */
bool helper_begin(void)
{
    os_block_signals();
    if (!thread_heap())
        return false;
    stop_by_hide();
    return true;
}

bool helper_start(void *(*main)(void *argument), void *argument)
{
    pthread_t thread;
    uint64_t signals = os_block_heard_signals(); /* until the thread has blocked them itself */
    bool hidden = stop_by_hide(); /* pthread_create may wait for a lock of a thread that is stopped */
    bool started = pthread_create(&thread, NULL, main, argument) == 0;
    stop_by_unhide(hidden);
    os_restore_signals(signals);
    if (started) {
        uncounted_began();
        pthread_detach(thread);
    }
    return started;
}
